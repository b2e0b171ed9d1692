package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// runLabel marks what a run makes. The tests say it once more, so that they notice when it is another.
const runLabel = "meshproof.dev/run"

// object is one object of a cluster, as it is compared.
type object struct {
	uid, version string
	run          string         // value of the run's label
	fields       map[string]any // for the message about what changed
}

// snapshot is every object of a cluster, by "RESOURCE NAMESPACE/NAME".
type snapshot map[string]object

// restless are the resources that a cluster changes by itself all the time. They are left out.
func restless(r schema.GroupVersionResource) bool {
	return r.Resource == "leases" || r.Resource == "events" || r.Resource == "componentstatuses"
}

// take lists every object of every resource that can be listed.
func take(t *testing.T, cfg *rest.Config) snapshot {
	t.Helper()
	ctx := context.Background()
	cfg = rest.CopyConfig(cfg)
	cfg.WarningHandler = rest.NoWarnings{} // that Endpoints are deprecated, each second
	found, err := discovery.NewDiscoveryClientForConfigOrDie(cfg).ServerPreferredResources()
	if err != nil {
		t.Fatalf("which resources the cluster has: %v", err)
	}
	client := dynamic.NewForConfigOrDie(cfg)
	all := snapshot{}
	for _, list := range found {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.APIResources {
			r := gv.WithResource(list.APIResources[i].Name)
			if !slices.Contains(list.APIResources[i].Verbs, "list") || restless(r) {
				continue
			}
			objects, err := client.Resource(r).List(ctx, metav1.ListOptions{})
			if err != nil {
				t.Fatalf("list %s: %v", r.Resource, err)
			}
			for j := range objects.Items {
				o := &objects.Items[j]
				all[fmt.Sprintf("%s %s/%s", r.GroupResource(), o.GetNamespace(), o.GetName())] = seen(t, r, o)
			}
		}
	}
	return all
}

func seen(t *testing.T, r schema.GroupVersionResource, o *unstructured.Unstructured) object {
	t.Helper()
	s := object{uid: string(o.GetUID()), version: o.GetResourceVersion(), run: o.GetLabels()[runLabel], fields: o.Object}
	if r.Resource != "nodes" && r.Resource != "pods" {
		return s
	}
	// The kubelet writes their status when it likes: heartbeats, images, the resources of a pod a minute after its start. So it is
	// compared what else they have, and who has written to them.
	own := o.DeepCopy()
	delete(own.Object, "status")
	own.SetResourceVersion("")
	own.SetManagedFields(nil)
	var writers []string
	for _, m := range o.GetManagedFields() {
		if !slices.Contains(writers, m.Manager) && m.Manager != "kubelet" {
			writers = append(writers, m.Manager)
		}
	}
	slices.Sort(writers)
	b, err := json.Marshal([]any{own.Object, writers})
	if err != nil {
		t.Fatal(err)
	}
	s.version, s.fields = string(b), own.Object
	return s
}

// differences are what is in one of them only, or is not the same, sorted.
func (before snapshot) differences(after snapshot) []string {
	var all []string
	for name, a := range after {
		switch b, was := before[name]; {
		case !was:
			all = append(all, "new: "+name+" of run "+a.run)
		case b.uid != a.uid:
			all = append(all, "made again: "+name)
		case b.version != a.version:
			all = append(all, "changed: "+name+changes("", b.fields, a.fields))
		}
	}
	for name := range before {
		if _, is := after[name]; !is {
			all = append(all, "gone: "+name)
		}
	}
	slices.Sort(all)
	return all
}

// changes are the fields that differ, but for the version itself.
func changes(path string, before, after any) string {
	b, isMap := before.(map[string]any)
	a, both := after.(map[string]any)
	if !isMap || !both {
		if reflect.DeepEqual(before, after) || strings.HasSuffix(path, ".resourceVersion") {
			return ""
		}
		return fmt.Sprintf("\n      %s was %v, is %v", path, before, after)
	}
	var all string
	for k := range b {
		all += changes(path+"."+k, b[k], a[k])
	}
	for k := range a {
		if _, was := b[k]; !was {
			all += changes(path+"."+k, nil, a[k])
		}
	}
	return all
}

// foreign are the differences in what was there before: whatever a run does, there may be none.
func (before snapshot) foreign(after snapshot) []string {
	return slices.DeleteFunc(before.differences(after), func(d string) bool { return strings.HasPrefix(d, "new: ") })
}

// A comparison that cannot fail proves nothing.
func TestSnapshotSeesEachDifference(t *testing.T) {
	before := snapshot{"pods a/x": {uid: "1", version: "1"}, "pods a/y": {uid: "2", version: "2"}, "pods a/z": {uid: "3", version: "3"}, "pods a/same": {uid: "4", version: "4"}}
	after := snapshot{"pods a/x": {uid: "1", version: "9"}, "pods a/y": {uid: "8", version: "2"}, "pods a/same": {uid: "4", version: "4"}, "pods b/n": {uid: "5", version: "5", run: "run-1"}}
	want := "changed: pods a/x; gone: pods a/z; made again: pods a/y; new: pods b/n of run run-1"
	if got := strings.Join(before.differences(after), "; "); got != want {
		t.Errorf("differences: %s\nwant         %s", got, want)
	}
	if got := strings.Join(before.foreign(after), "; "); got != "changed: pods a/x; gone: pods a/z; made again: pods a/y" {
		t.Errorf("foreign: %s", got)
	}
	after["namespaces /meshproof-dns-a-1"] = object{uid: "6"}
	after["pods kube-system/new"] = object{uid: "7"}
	got := before.ofRuns(after)
	if slices.Sort(got); strings.Join(got, "; ") != "namespaces /meshproof-dns-a-1; pods b/n" {
		t.Errorf("of runs: %s", got)
	}
}
