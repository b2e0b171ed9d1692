package profile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"meshproof.dev/meshproof/e2e/manifest"
)

// serviceName is the DNS name of a Service with its namespace, "shop.prod.svc": the Service, which may be a variable, and
// the namespace.
var serviceName = regexp.MustCompile(`(\$?[A-Za-z0-9_-]+|[)}])\.([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.svc(?:[^-A-Za-z0-9]|$)`)

// answer is a namespace, and where it is named.
type answer struct{ namespace, by string }

// namespace is where the objects must be deployed, "" if any namespace will do. It comes from the profile, else from the
// metadata of the manifests, else from DNS names of their own Services. The profile can replace a namespace in metadata, but not
// one in a DNS name: two different namespaces are an error, because nodes would look for their peers in the wrong one. The name
// of a Service that is not in the manifests does not count: it is no peer's (a database in another namespace).
func (p *Profile) namespace(objects *manifest.Set) (string, error) {
	var carried, roles, all []answer
	for _, o := range objects.Documents {
		ns, by := o.Namespace, fmt.Sprintf("%s is in %q", o, o.Namespace)
		switch {
		case o.Kind == "Namespace":
			carried = append(carried, answer{o.Name, o.String() + " is in the manifests"})
		case ns != "" && (o.Kind == "Role" || o.Kind == "RoleBinding"):
			roles = append(roles, answer{ns, by})
		case ns != "":
			carried = append(carried, answer{ns, by})
		}
	}
	if len(carried) == 0 {
		carried = ofRoles(objects, roles)
	}
	if ns := p.Spec.Namespace; ns != "" {
		all = append(all, answer{ns, fmt.Sprintf("spec.namespace is %q", ns)})
	} else {
		all = append(all, carried...)
	}
	if p.root != nil || len(all) == 0 { // without a profile nothing is deployed: a name in another namespace is for the checks
		all = append(all, named(objects)...)
	}
	for _, answers := range [][]answer{carried, all} {
		for _, a := range answers {
			if first := answers[0]; a.namespace != first.namespace {
				return "", fmt.Errorf("%s: two namespaces: %s, and %s; the workload is deployed to one, and its nodes would look for their peers in the other. Use the same namespace in both; objects of another application belong in spec.requires",
					p.At("spec", "namespace"), first.by, a.by)
			}
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	return all[0].namespace, nil
}

// ofRoles are the namespaces that roles and their bindings tell where nothing else does: that of the accounts to which they are bound, else
// their own. Beside others they do not count: an account may have rights in another namespace than its own, and whether it has those
// that it needs is a check (manifest/role-bound).
func ofRoles(objects *manifest.Set, own []answer) []answer {
	var all []answer
	for _, b := range objects.Bindings() {
		for _, s := range b.Subjects {
			if b.Kind == "RoleBinding" && s.Kind == "ServiceAccount" && s.Namespace != "" {
				all = append(all, answer{s.Namespace, fmt.Sprintf("%s is for ServiceAccount %s in %q", b, s.Name, s.Namespace)})
			}
		}
	}
	if len(all) == 0 {
		return own
	}
	return all
}

// named are the namespaces in DNS names of the objects' own Services, wherever the objects have such a name.
func named(objects *manifest.Set) []answer {
	services := map[string]bool{}
	for _, o := range objects.Of("Service") {
		services[o.Name] = true
	}
	var all []answer
	for _, o := range objects.Documents {
		eachText(o.Raw, func(s string) {
			for _, m := range serviceName.FindAllStringSubmatch(s, -1) {
				if services[m[1]] || !dnsLabel.MatchString(m[1]) {
					all = append(all, answer{m[2], fmt.Sprintf("%s uses the name %s.%s.svc", o, m[1], m[2])})
				}
			}
		})
	}
	return all
}

// eachText calls a function with every text in v, in a fixed order.
func eachText(v any, tell func(string)) {
	switch v := v.(type) {
	case string:
		tell(v)
	case []any:
		for _, x := range v {
			eachText(x, tell)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			eachText(v[k], tell)
		}
	}
}
