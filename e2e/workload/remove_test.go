package workload

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A controller makes the claims of a StatefulSet, and nobody removes them: the next run would find the data of this one.
func TestClaimsGoWithTheirStatefulSet(t *testing.T) {
	began := time.Now().Truncate(time.Second)
	claim := func(name string, after time.Duration) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, CreationTimestamp: metav1.NewTime(began.Add(after))}}
	}
	a := applier(claim("data-db-0", 0), claim("data-db-1", time.Minute), claim("data-db-2", -time.Minute), claim("data-db-big-0", time.Minute), claim("other-db-0", time.Minute))
	a.Namespace, a.ours = "default", map[string]bool{"default": false}
	if err := a.Apply(t.Context(), parsed(t, "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {volumeClaimTemplates: [{metadata: {name: data}}]}\n"), time.Second); err != nil {
		t.Fatal(err)
	}
	a.made[0].SetCreationTimestamp(metav1.NewTime(began))
	if err := a.Remove(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	var left corev1.PersistentVolumeClaimList
	if err := a.api.List(t.Context(), &left); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range left.Items {
		names = append(names, left.Items[i].Name)
	}
	if want := []string{"data-db-2", "data-db-big-0", "other-db-0"}; !slices.Equal(names, want) {
		t.Errorf("left are %v, wanted %v", names, want)
	}
}
