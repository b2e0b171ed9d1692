package manifest_test

import (
	"fmt"
	"slices"
	"testing"
)

func TestFiles(t *testing.T) {
	s := parse(t, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec:
  template:
    spec:
      containers:
      - name: shop
        env: [{name: WHICH, value: vm.args}]
        volumeMounts:
        - {name: all, mountPath: /etc/shop}
        - {name: all, mountPath: /rel/vm.args, subPath: vm.args}
        - {name: all, mountPath: /rel/other.args, subPathExpr: $(WHICH)}
        - {name: all, mountPath: /rel/none, subPath: none}
        - {name: some, mountPath: /home/, readOnly: true}
        - {name: deep, mountPath: /deep, subPath: conf}
        - {name: unknown, mountPath: /unknown}
        - {name: keyless, mountPath: /keyless}
        - {name: both, mountPath: /both}
        - {name: pod, mountPath: /pod}
        - {name: scratch, mountPath: /tmp}
      volumes:
      - {name: all, configMap: {name: settings}}
      - name: some
        secret: {secretName: secret, defaultMode: 0400, items: [{key: cookie, path: .erlang.cookie}, {key: other, path: other, mode: 0440}]}
      - {name: deep, configMap: {name: settings, items: [{key: vm.args, path: conf/vm.args}, {key: sys.config, path: sys.config}]}}
      - {name: unknown, configMap: {name: elsewhere}}
      - {name: keyless, configMap: {name: settings, items: [{key: gone, path: gone}]}}
      - name: both
        projected:
          defaultMode: 0600
          sources:
          - configMap: {name: settings, items: [{key: vm.args, path: vm.args}]}
          - secret: {name: secret, items: [{key: cookie, path: cookie, mode: 0400}]}
          - serviceAccountToken: {path: token}
          - downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}
      - {name: pod, downwardAPI: {items: [{path: cpu, resourceFieldRef: {resource: limits.cpu}}]}}
      - {name: scratch, emptyDir: {}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {vm.args: -name shop, sys.config: "[]."}
---
apiVersion: v1
kind: Secret
metadata: {name: secret}
data: {cookie: ""}
stringData: {other: text}
`)
	w := s.Workloads()[0]
	files := s.Files(w, w.Containers()[0])
	var got []string
	for _, f := range files {
		missing := ""
		if f.Missing {
			missing = " missing"
		}
		got = append(got, fmt.Sprintf("%s %04o %s/%s %q%s", f.Path, f.Mode, f.Kind, f.Object, f.Key+"="+f.Content, missing))
	}
	want := []string{
		`/etc/shop/sys.config 0644 ConfigMap/settings "sys.config=[]."`,
		`/etc/shop/vm.args 0644 ConfigMap/settings "vm.args=-name shop"`,
		`/rel/vm.args 0644 ConfigMap/settings "vm.args=-name shop"`,
		`/rel/other.args 0644 ConfigMap/settings "vm.args=-name shop"`,
		`/home/.erlang.cookie 0400 Secret/secret "cookie="`,
		`/home/other 0440 Secret/secret "other="`,
		`/deep/vm.args 0644 ConfigMap/settings "vm.args=-name shop"`,
		`/unknown 0644 ConfigMap/elsewhere "=" missing`,
		`/keyless/gone 0644 ConfigMap/settings "gone=" missing`,
		`/both/vm.args 0600 ConfigMap/settings "vm.args=-name shop"`,
		`/both/cookie 0400 Secret/secret "cookie="`,
		`/both/token 0600 ServiceAccountToken/ "="`,
		`/both/name 0600 DownwardAPI/ "metadata.name="`,
		`/pod/cpu 0644 DownwardAPI/ "limits.cpu="`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", lines(got), lines(want))
	}
	if at := w.Position(files[4].Mount...).Line; at != 16 {
		t.Errorf("the mount of the cookie's file stands in line 16, got %d", at)
	}
	if at := w.Position(append(files[4].Volume, "secret")...).Line; at != 26 {
		t.Errorf("its volume's Secret stands in line 26, got %d", at)
	}
}

func lines(all []string) (text string) {
	for _, s := range all {
		text += s + "\n"
	}
	return text
}

func TestFilesOfAnUnknownVolumeAtASubPath(t *testing.T) {
	s := parse(t, `
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  containers: [{name: shop, volumeMounts: [{name: v, mountPath: /rel/vm.args, subPath: vm.args}]}]
  volumes: [{name: v, configMap: {name: elsewhere}}]
`)
	w := s.Workloads()[0]
	f := s.Files(w, w.Containers()[0])
	if len(f) != 1 || f[0].Path != "/rel/vm.args" || !f[0].Missing {
		t.Errorf("got %+v", f)
	}
}
