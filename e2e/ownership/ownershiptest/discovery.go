package ownershiptest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// discovery answers which kinds the server has, and its version; it reports whether that was asked.
func (s *Server) discovery(w http.ResponseWriter, path string) bool {
	verbs := []string{"get", "list", "delete"}
	switch group := strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/"); {
	case path == "/version":
		answer(w, http.StatusOK, map[string]any{"major": "1", "minor": "37", "gitVersion": "v1.37.9"})
	case path == "/api":
		answer(w, http.StatusOK, metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}})
	case path == "/apis":
		list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
		for gv := range kinds {
			if name, version, is := strings.Cut(gv, "/"); is {
				v := metav1.GroupVersionForDiscovery{GroupVersion: gv, Version: version}
				list.Groups = append(list.Groups, metav1.APIGroup{Name: name, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v})
			}
		}
		answer(w, http.StatusOK, list)
	case kinds[group] != nil:
		all := slices.Clone(kinds[group])
		for i := range all {
			all[i].Verbs = verbs
		}
		answer(w, http.StatusOK, metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: group, APIResources: all})
	default:
		return false
	}
	return true
}

// listed are version and kind of a list of the resource's objects.
func listed(resource string) (version, kind string) {
	for gv, all := range kinds {
		for i := range all {
			if all[i].Name == resource {
				return gv, all[i].Kind + "List"
			}
		}
	}
	return "v1", "List"
}

// known reports whether a resource is one of the server's.
func known(resource string) bool {
	for _, all := range kinds {
		if slices.ContainsFunc(all, func(r metav1.APIResource) bool { return r.Name == resource }) {
			return true
		}
	}
	return false
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, code int, reason string) {
	answer(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason, "reason": reason, "code": code})
}
