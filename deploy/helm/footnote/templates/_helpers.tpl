{{- define "footnote.name" -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- end -}}

{{- define "footnote.labels" -}}
app.kubernetes.io/name: footnote
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* What selects the pods of one component: (dict "root" $ "component" "api"). */}}
{{- define "footnote.selector" -}}
app.kubernetes.io/name: footnote
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* (dict "root" $ "image" "worker") */}}
{{- define "footnote.image" -}}
{{- $digest := get .root.Values.image.digests .image -}}
{{- $name := printf "%s/footnote-%s" .root.Values.image.registry .image -}}
{{- if $digest -}}{{ $name }}@{{ $digest }}{{- else -}}{{ $name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}{{- end -}}
{{- end -}}

{{- define "footnote.secretName" -}}
{{- .Values.secrets.existingSecret | default (printf "%s-secrets" (include "footnote.name" .)) -}}
{{- end -}}

{{- define "footnote.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "footnote.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "footnote.environment" -}}
envFrom:
  - secretRef:
      name: {{ include "footnote.secretName" . }}
env:
  - {name: FOOTNOTE_CONFIG, value: /etc/footnote/footnote.toml}
{{- end -}}

{{- define "footnote.mounts" -}}
- {name: settings, mountPath: /etc/footnote/footnote.toml, subPath: footnote.toml, readOnly: true}
- {name: data, mountPath: /var/lib/footnote}
- {name: tmp, mountPath: /tmp}
{{- if .Values.caConfigMap }}
- {name: ca, mountPath: /etc/footnote/ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "footnote.volumes" -}}
- name: settings
  configMap: {name: {{ include "footnote.name" . }}-settings}
- name: data
  emptyDir: {sizeLimit: {{ .Values.dataSizeLimit }}}
- name: tmp
  emptyDir: {sizeLimit: {{ .Values.dataSizeLimit }}}
{{- if .Values.caConfigMap }}
- name: ca
  configMap: {name: {{ .Values.caConfigMap }}}
{{- end }}
{{- end -}}

{{- define "footnote.spread" -}}
{{- if .root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ .root.Values.topologySpread.topologyKey }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "footnote.selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "footnote.selector" . | nindent 8 }}
{{- end }}
{{- end -}}

{{- define "footnote.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The names under which the service is asked: as set, else the ingress's. The service's own is for helm test. */}}
{{- define "footnote.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $hosts := $settings.api.allowed_hosts | default .Values.ingress.hosts -}}
{{- $own := printf "%s-api" (include "footnote.name" .) -}}
{{- $own = list $own (printf "%s.%s.svc" $own .Release.Namespace) -}}
{{- $_ := set $settings.api "allowed_hosts" (concat $hosts $own | uniq) -}}
{{- if and .Values.caConfigMap (not (hasKey $settings.index.opensearch "ca_file")) -}}
{{- $_ := set $settings.index.opensearch "ca_file" "/etc/footnote/ca/ca.crt" -}}
{{- end -}}
{{- toToml $settings -}}
{{- end -}}
