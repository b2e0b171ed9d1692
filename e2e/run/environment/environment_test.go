package environment

import (
	"errors"
	"testing"

	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// Two profiles may call different images by one name; a folder that both build is one. What one of them lacks is no matter of the
// other.
func TestImagesOfOneNameAreToldApart(t *testing.T) {
	of := func(dir, build string) *workload.Workload {
		return &workload.Workload{Dir: dir, Profile: &profile.Profile{Spec: profile.Spec{Images: []profile.Image{{Name: "shop", Build: build}}}}}
	}
	a, b, c := of("/x/a", "."), of("/x/b", "."), of("/x/c", "../a")
	all := appImages([]*workload.Workload{a, b, c}, "")
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	e := &Environment{apps: map[string]App{
		imageKey(all[0].Dir, all[0].Image): {Image: image.Image{Ref: "a:1"}}, imageKey(all[1].Dir, all[1].Image): {Err: errors.New("it does not build")},
	}}
	if e.ImageFailed(a) || !e.ImageFailed(b) || e.ImageFailed(c) {
		t.Errorf("failed: %v %v %v", e.ImageFailed(a), e.ImageFailed(b), e.ImageFailed(c))
	}
	if e.Refs(a)["shop"] != "a:1" || e.Refs(c)["shop"] != "a:1" || len(e.Refs(b)) != 0 {
		t.Errorf("refs: %v %v %v", e.Refs(a), e.Refs(b), e.Refs(c))
	}
	if app, made := e.App(c, "shop"); !made || app.Ref != "a:1" {
		t.Errorf("the image of c: %+v", app)
	}
	if _, made := e.App(a, "postgres"); made {
		t.Error("an image that the nodes pull was made")
	}
}

func TestCapacityIsTheScarcerOfCoresAndMemory(t *testing.T) {
	for _, c := range []struct {
		cores  int
		memory int64
		want   int
	}{{2, 64 << 30, 24}, {2, 1 << 30, 7}, {8, 64 << 30, 96}, {1, 1 << 20, 4}, {2, 0, 24}} {
		if got := capacity(c.cores, c.memory); got != c.want {
			t.Errorf("%d cores, %d bytes: %d pods, want %d", c.cores, c.memory, got, c.want)
		}
	}
}

func TestOptionsDecideWhereTheClusterComesFrom(t *testing.T) {
	for _, c := range []struct {
		options      Options
		name, kube   string
		least, most  int
		withOwnNodes bool
	}{
		{Options{Context: "x"}, "existing", "x", target.ExternalPodLimit, target.ExternalPodLimit, false},
		{Options{}, "kind", "", 4, 1 << 20, true},
	} {
		name, kube := c.options.Target()
		if n := c.options.PodLimit(); n < c.least || n > c.most || name != c.name || kube != c.kube || c.options.provider("").MakesNodes() != c.withOwnNodes {
			t.Errorf("%+v: %d pods, target %s %s", c.options, n, name, kube)
		}
	}
}
