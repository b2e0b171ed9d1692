package manifest_test

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/manifest"
)

// What name does the node of a pod get, and where is that written?
func Example() {
	set, err := manifest.Parse("shop.yaml", []byte(`apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec:
  serviceName: shop-nodes
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: shop
        image: shop:1
        env:
        - {name: NODE, value: shop@$(POD_IP)}
        - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
---
apiVersion: v1
kind: Service
metadata: {name: shop-nodes}
spec: {clusterIP: None, selector: {app: shop}}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range set.Workloads() {
		for _, c := range w.Containers(manifest.Main) {
			v, _ := set.Env(w, c).Lookup("NODE")
			fmt.Printf("%s: the node of %s is %s, since %v is not defined above it\n", w.Position(v.Path...), w, v.Value.Value, v.Value.Unresolved)
		}
		s := set.Service(w.Namespace, w.ServiceName)
		fmt.Printf("%s: %s is headless: %t, selects the pods: %t\n", s.Position(), s, s.Headless(), s.Selects(w.Labels()))
	}
	// Output:
	// shop.yaml:13: the node of StatefulSet shop is shop@$(POD_IP), since [POD_IP] is not defined above it
	// shop.yaml:16: Service shop-nodes is headless: true, selects the pods: true
}
