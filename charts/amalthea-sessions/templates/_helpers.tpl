{{/* Names and labels are those of older releases of this chart: `helm upgrade` depends on every one of them. */}}

{{- define "amalthea-sessions.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "amalthea-sessions.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name }}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "amalthea-sessions.serviceAccount" -}}
{{ include "amalthea-sessions.fullname" . }}-controller-manager
{{- end }}

{{/* A Service's name is shorter than those of other objects, has no dots, and begins with a letter. */}}
{{- define "amalthea-sessions.metricsService" -}}
{{- $full := include "amalthea-sessions.fullname" . | replace "." "-" }}
{{- $named := regexMatch "^[0-9]" $full | ternary (printf "amalthea-%s" $full) $full }}
{{- $named | trunc 55 | trimSuffix "-" }}-metrics
{{- end }}

{{/* Fixed for the life of a release: the Deployment's selector cannot be changed. */}}
{{- define "amalthea-sessions.selectorLabels" -}}
app.kubernetes.io/name: {{ include "amalthea-sessions.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "amalthea-sessions.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "amalthea-sessions.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Labels of an object that plays a part. Takes a list: the part's name, the chart's context. */}}
{{- define "amalthea-sessions.componentLabels" -}}
app.kubernetes.io/component: {{ first . }}
app.kubernetes.io/created-by: amalthea
app.kubernetes.io/part-of: amalthea
{{ include "amalthea-sessions.labels" (last .) }}
{{- end }}

{{/* Whether the operator asks who reads its metrics, as it does by itself: "true" or nothing. As with any flag, the last one counts. */}}
{{- define "amalthea-sessions.metricsSecure" -}}
{{- $secure := "true" }}
{{- $served := "" }}
{{- range .Values.controllerManager.manager.args }}
  {{- if regexMatch "^--?metrics-secure(=|$)" . }}
    {{- $secure = regexMatch "^--?metrics-secure(=(?i:true|t|1))?$" . | ternary "true" "" }}
  {{- else if regexMatch "^--?metrics-bind-address(=|$)" . }}
    {{- $served = regexMatch "=0$" . | ternary "" "true" }}
  {{- end }}
{{- end }}
{{- and $served $secure }}
{{- end }}

{{/* The sidecars' image. */}}
{{- define "amalthea-sessions.sidecarsImage" -}}
{{ .Values.sidecars.image.repository }}:{{ .Values.sidecars.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The operator's image. */}}
{{- define "amalthea-sessions.operatorImage" -}}
{{- with .Values.controllerManager.manager.image }}
{{- .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Whether roles and their bindings are made: "true" or nothing. */}}
{{- define "amalthea-sessions.createRoles" -}}
{{- dig "createRoles" true .Values.AsMap | ternary "true" "" }}
{{- end }}

{{/* The values that this chart knows at the top: a test compares them with values.schema.json. */}}
{{- define "amalthea-sessions.knownValues" -}}
controllerManager culling nativeSidecars sessionPods logLevel kubernetesClusterDomain clusterScoped deployCrd createRoles
userRoles deploy csiRclone monitoring podDisruptionBudget networkPolicy admissionPolicy rcloneStorageClass
sidecars oauth2Proxy cloner useNoneSameSiteSessionCookie httpsSessionIngress imageRewriteRules test
nameOverride fullnameOverride global
{{- end }}
