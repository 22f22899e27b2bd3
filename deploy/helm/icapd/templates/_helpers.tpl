{{- define "icapd.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "icapd.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "icapd.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "icapd.selector" . }}
{{- end }}

{{- define "icapd.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "icapd.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "icapd.metricsSecret" -}}
{{ default (printf "%s-admin" (include "icapd.name" .)) .Values.metrics.existingSecret }}
{{- end }}

{{- define "icapd.cacheSecret" -}}
{{ default (printf "%s-cache" (include "icapd.name" .)) .Values.redis.existingSecret }}
{{- end }}

{{/* Whether there is a secret for the cache. */}}
{{- define "icapd.hasCacheSecret" -}}
{{- if or .Values.redis.secret .Values.redis.existingSecret }}yes{{ end }}
{{- end }}

{{/* What the chart itself says in icapd.yaml. */}}
{{- define "icapd.baseConfig" -}}
listen:
  - address: ":1344"
admin:
  address: {{ if .Values.metrics.enabled }}":{{ .Values.metrics.port }}"{{ else }}"127.0.0.1:{{ .Values.metrics.port }}"{{ end }}
spool:
  directory: /var/cache/icapd
{{- $url := .Values.redis.url }}
{{- if .Values.redis.enabled }}{{ $url = printf "redis://%s-redis:6379/0" (include "icapd.name" .) }}{{ end }}
{{- if or .Values.clamd.enabled $url }}
engines:
  {{- if .Values.clamd.enabled }}
  clamd:
    addresses: ["tcp:127.0.0.1:3310"]
    connections: {{ .Values.clamd.maxThreads }}
  {{- end }}
  {{- if $url }}
  cache:
    redis: {{ $url | quote }}
    {{- if include "icapd.hasCacheSecret" . }}
    secret_file: /run/secrets/icapd-cache/cache_secret
    {{- end }}
  {{- end }}
{{- end }}
{{- if .Values.quarantine.enabled }}
{{- $need := "quarantine.enabled needs quarantine." }}
quarantine:
  s3:
    endpoint: {{ required (print $need "endpoint") .Values.quarantine.endpoint | quote }}
    bucket: {{ required (print $need "bucket") .Values.quarantine.bucket | quote }}
    {{- with .Values.quarantine.prefix }}
    prefix: {{ . | quote }}
    {{- end }}
    {{- with .Values.quarantine.region }}
    region: {{ . | quote }}
    {{- end }}
    access_key_file: /run/secrets/icapd-quarantine/access_key
    secret_key_file: /run/secrets/icapd-quarantine/secret_key
  key_file: /run/secrets/icapd-quarantine/key
{{- end }}
{{- end }}
