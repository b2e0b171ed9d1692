package objects

import "cmp"

// WhereAsked is the place in the workloads' configuration that has the Service's name in DNS, such as "variable DISCOVERY_NAME in
// …", "" where the manifests do not show it.
func (m *Manifests) WhereAsked(service string) string {
	for _, w := range m.Members {
		for _, p := range m.Places(w) {
			for _, found := range byItself.FindAllStringSubmatch(p.Text, -1) {
				if found[1] == service {
					return p.Where
				}
			}
		}
	}
	return ""
}

// AccountOf is the ServiceAccount of pods with these labels: "default" where no workload of them names one.
func (m *Manifests) AccountOf(labels map[string]string) string {
	for _, w := range m.Members {
		fits := true
		for k, v := range w.Labels() {
			fits = fits && labels[k] == v
		}
		if fits {
			return cmp.Or(w.Pod().ServiceAccountName, "default")
		}
	}
	return "default"
}
