#!/bin/sh
exec /opt/amalthea/bin/amalthea operator "$@"
