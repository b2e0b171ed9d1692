package rights

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"meshproof.dev/meshproof/e2e/manifest"
)

// clusterWide are the kinds of Kubernetes itself that are in no namespace.
var clusterWide = []string{ //nolint:gochecknoglobals // a list that nothing changes
	"APIService", "CSIDriver", "CSINode", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "DeviceClass", "FlowSchema", "IPAddress", "IngressClass",
	"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "PriorityClass", "PriorityLevelConfiguration",
	"RuntimeClass", "ServiceCIDR", "StorageClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration", "VolumeAttachment", "VolumeAttributesClass",
}

// ClusterWide reports whether objects of the kind are in no namespace. Of the kinds that a CRD defines it knows nothing and says no.
func ClusterWide(kind string) bool { return slices.Contains(clusterWide, kind) }

// resource is the group and the name in paths of an object's kind. For a kind that a CRD defines the plural is guessed.
func resource(d *manifest.Document) (group, name string) {
	version, _ := d.Raw["apiVersion"].(string)
	gv, err := schema.ParseGroupVersion(version)
	if err != nil {
		return "", strings.ToLower(d.Kind) + "s"
	}
	plural, _ := meta.UnsafeGuessKindToResource(gv.WithKind(d.Kind))
	return gv.Group, plural.Resource
}

// ofObjects are the rights to create and remove what the manifests contain, and to grant what they grant.
func ofObjects(p Plan) (all []Right) {
	roles := map[string]bool{}
	each := func(do func(d *manifest.Document, required bool)) {
		for i, s := range []*manifest.Set{p.Objects, p.Required} {
			if s == nil {
				continue
			}
			for _, d := range s.Documents {
				do(d, i == 1)
			}
		}
	}
	each(func(d *manifest.Document, _ bool) {
		roles[d.Kind+"/"+d.Name] = d.Kind == "Role" || d.Kind == "ClusterRole"
	})
	each(func(d *manifest.Document, required bool) {
		group, name := resource(d)
		wide := ClusterWide(d.Kind)
		// Nobody can be allowed to create an object of one name only.
		all = append(all, Right{Verbs: []string{"create"}, Group: group, Resource: name, Cluster: wide, For: "to deploy the manifests"})
		verbs := p.verbs(d, required, wide)
		if len(verbs) > 0 {
			all = append(all, Right{Verbs: verbs, Group: group, Resource: name, Names: []string{d.Name}, Cluster: wide, For: "to deploy and remove " + d.String()})
		}
		if d.Kind == "StatefulSet" && claims(d) && p.stays(d, required, wide) {
			all = append(all, Right{Verbs: []string{"list", "get", "delete"}, Resource: "persistentvolumeclaims", For: "to remove the volumes of " + d.String()})
		}
		all = append(all, granted(d, roles)...)
	})
	return all
}

// stays reports whether an object is not removed with a namespace of the run's own.
func (p Plan) stays(d *manifest.Document, required, wide bool) bool {
	return p.Namespace != "" || wide || required && d.Namespace != ""
}

// verbs are what the run does to one object of the manifests after it has created it.
func (p Plan) verbs(d *manifest.Document, required, wide bool) (verbs []string) {
	if stays := p.stays(d, required, wide); stays || required {
		verbs = append(verbs, "get")
		if stays {
			verbs = append(verbs, "delete")
		}
	}
	if slices.Contains(p.Rolled, d.Kind+"/"+d.Name) || d.Kind == "Namespace" || p.Namespace == "" && d.Kind == "ServiceAccount" && d.Name == "default" {
		verbs = append(verbs, "patch")
	}
	return verbs
}

// claims reports whether a StatefulSet brings volume claims.
func claims(d *manifest.Document) bool {
	spec, _ := d.Raw["spec"].(map[string]any)
	templates, _ := spec["volumeClaimTemplates"].([]any)
	return len(templates) > 0
}

// granted are the rights that a Role of the manifests grants, because nobody can grant one that they do not have, and the right to
// bind a role that the manifests do not contain.
func granted(d *manifest.Document, roles map[string]bool) (all []Right) {
	switch d.Kind {
	case "Role", "ClusterRole":
		for _, rule := range rules(d) {
			for _, group := range rule.APIGroups {
				for _, r := range rule.Resources {
					all = append(all, Right{Verbs: rule.Verbs, Group: group, Resource: r, Names: rule.ResourceNames, Cluster: d.Kind == "ClusterRole",
						For: fmt.Sprintf("to grant it: nobody can grant what they may not do, and %s does", d)})
				}
			}
		}
	case "RoleBinding", "ClusterRoleBinding":
		ref, _ := d.Raw["roleRef"].(map[string]any)
		kind, _ := ref["kind"].(string)
		name, _ := ref["name"].(string)
		if !roles[kind+"/"+name] {
			all = append(all, Right{Verbs: []string{"bind"}, Group: rbac, Resource: strings.ToLower(kind) + "s", Names: []string{name}, Cluster: d.Kind == "ClusterRoleBinding", For: "to deploy " + d.String()})
		}
	}
	return all
}

// rules are those of a Role or ClusterRole; rules about paths outside of resources are left out.
func rules(d *manifest.Document) (all []rbacv1.PolicyRule) {
	list, _ := d.Raw["rules"].([]any)
	for _, x := range list {
		rule, _ := x.(map[string]any)
		all = append(all, rbacv1.PolicyRule{APIGroups: texts(rule["apiGroups"]), Resources: texts(rule["resources"]), ResourceNames: texts(rule["resourceNames"]), Verbs: texts(rule["verbs"])})
	}
	return all
}

func texts(v any) (all []string) {
	list, _ := v.([]any)
	for _, x := range list {
		if s, is := x.(string); is {
			all = append(all, s)
		}
	}
	return all
}
