##@ Publish
CHART_URL ?= https://swissdatasciencecenter.github.io/helm-charts
CHART_INDEX ?=
VERSION ?=

.PHONY: chart-package
chart-package: setup ## Write the chart and a repository's index to dist/charts (CHART_URL=…, CHART_INDEX=old/index.yaml)
	@$(BIN)/python -m tools.chart "$(DIST)/charts" "$(CHART_URL)" "$(CHART_INDEX)"

.PHONY: build
build: setup ## Write wheel and sdist of the Python package to dist/
	@$(BIN)/uv build --quiet --out-dir "$(DIST)" --build-constraints requirements/build.txt --require-hashes
	@ls "$(DIST)"/amalthea-*

.PHONY: release
release: setup ## Set VERSION=1.2.3 everywhere, and give the unreleased changes in CHANGELOG.md that version
	@$(BIN)/python -m tools.release "$(VERSION)"

.PHONY: release-notes
release-notes: setup ## Print the changelog of VERSION=1.2.3, or the files that have another version
	@$(BIN)/python -m tools.release --notes "$(VERSION)"
