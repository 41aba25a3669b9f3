{{- define "countersign.name" -}}
{{- if contains "countersign" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-countersign" (.Release.Name | trunc 28 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "countersign.selector" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "countersign.labels" -}}
{{ include "countersign.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "countersign.image" -}}
{{- $repository := required "image.repository: name the image that you have built with deploy/container/Containerfile" .Values.image.repository -}}
{{- $digest := required "image.digest: name the image by its digest, sha256:…; a tag is another image tomorrow" .Values.image.digest -}}
{{ $repository }}@{{ $digest }}
{{- end }}

{{- define "countersign.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
# The group of an empty volume is set once. To set it again would open every file of the state to the group, and files that are
# open to others are refused.
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "countersign.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Asked beside the process: the ops listener is on loopback alone. */}}
{{- define "countersign.probes" -}}
startupProbe:
  exec: { command: [countersign, health, --check, startup] }
  periodSeconds: 3
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  exec: { command: [countersign, health, --check, live] }
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 3
readinessProbe:
  exec: { command: [countersign, health, --check, ready] }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{- define "countersign.authorityHosts" -}}
{{- $name := include "countersign.name" . -}}
{{- $service := printf "%s-authority.%s.svc" $name .Release.Namespace -}}
{{ concat (list $service (printf "%s.cluster.local" $service)) .Values.authority.names | toJson }}
{{- end }}

{{- define "countersign.gatewayHosts" -}}
{{- $name := include "countersign.name" . -}}
{{- $service := printf "%s-gateway.%s.svc" $name .Release.Namespace -}}
{{ concat (list $service (printf "%s.cluster.local" $service)) .Values.gateway.names | toJson }}
{{- end }}

{{- define "countersign.authorityConfig" -}}
{{- $hosts := include "countersign.authorityHosts" . | fromJsonArray -}}
{{- $listener := dict "host" "0.0.0.0" "hosts" $hosts -}}
{{- $own := dict "listeners" (dict "authority" $listener) -}}
{{ mergeOverwrite $own (deepCopy .Values.authority.config) | toYaml }}
{{- end }}

{{- define "countersign.gatewayConfig" -}}
{{- $hosts := include "countersign.gatewayHosts" . | fromJsonArray -}}
{{- $own := dict "listeners" (dict "agents" (dict "host" "0.0.0.0" "hosts" $hosts)) -}}
{{- if .Values.gateway.secrets }}
{{- $_ := set $own "secrets" (dict "kubernetes" (dict "address" "https://kubernetes.default.svc" "addresses" "any")) }}
{{- end }}
{{- mergeOverwrite $own (deepCopy .Values.gateway.config) | toYaml }}
{{- end }}

{{/* The DNS domains that the certificates of the authority permit, besides the trust domain. */}}
{{- define "countersign.domains" -}}
{{- $service := printf "%s.svc" .Release.Namespace -}}
{{- $domains := concat (list $service (printf "%s.cluster.local" $service)) .Values.domains -}}
{{- range $name := concat .Values.authority.names .Values.gateway.names }}
{{- $known := dict "it" false -}}
{{- range append $domains $.Values.trustDomain }}
{{- if or (eq $name .) (hasSuffix (printf ".%s" .) $name) }}{{ $_ := set $known "it" true }}{{ end }}
{{- end }}
{{- if not $known.it }}{{ fail (printf "domains: %s lies below neither the trust domain nor one of them, so no certificate can be for it" $name) }}{{ end }}
{{- end }}
{{- $domains | toJson }}
{{- end }}

{{/* Whose service accounts get which certificates. */}}
{{- define "countersign.workloads" -}}
{{- $rules := list -}}
{{- $account := printf "system:serviceaccount:%s:%s-gateway" .Release.Namespace (include "countersign.name" .) }}
{{- $patterns := dict "/kubernetes.io/pod/name" "{pod}" }}
{{- $hosts := include "countersign.gatewayHosts" . | fromJsonArray }}
{{- $rules = append $rules (dict "subject" $account "patterns" $patterns "name" "{pod}" "kind" "gateway" "dns" $hosts) }}
{{- range .Values.agents }}
{{- $rules = append $rules (dict "subject" (printf "system:serviceaccount:%s:{account}" .namespace) "name" .name) }}
{{- end }}
{{- $issuer := required "cluster.issuer: who issues the tokens of service accounts: kubectl get --raw /.well-known/openid-configuration" .Values.cluster.issuer }}
{{- $entry := dict "name" "cluster" "issuer" $issuer "audience" .Values.cluster.audience "once" false "rules" $rules "keys" (dict "file" "/etc/countersign/cluster-keys.json") }}
{{- dict "issuers" (list $entry) | toYaml }}
{{- end }}

{{/* The two waits of a gateway that ends, in seconds, and some for the last records. */}}
{{- define "countersign.grace" -}}
{{- $drain := dig "gateway" "drain" dict .Values.gateway.config -}}
{{- $accept := dig "acceptMilliseconds" 5000 $drain | int64 -}}
{{- $grace := dig "graceMilliseconds" 20000 $drain | int64 -}}
{{ add 15 (div (add $accept $grace 999) 1000) }}
{{- end }}
