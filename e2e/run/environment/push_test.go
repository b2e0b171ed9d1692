package environment

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/registry/registrytest"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// nodes are the nodes of a cluster, "OS/ARCHITECTURE" each.
func nodes(all ...string) (objects []apiruntime.Object) {
	for i, n := range all {
		system, arch, _ := strings.Cut(n, "/")
		objects = append(objects, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: string(rune('a' + i))},
			Status:     corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{OperatingSystem: system, Architecture: arch}},
		})
	}
	return objects
}

// shop is a workload with one image.
func shop(im profile.Image) *workload.Workload {
	im.Name = "shop"
	return &workload.Workload{Dir: "/x", Profile: &profile.Profile{Spec: profile.Spec{Images: []profile.Image{im}}}}
}

// pushing is an environment that pushes there, and the secrets that it guards.
func pushing(to, pullSecret string) (e *Environment, guarded *[]string) {
	guarded = &[]string{}
	o := &Options{Context: "prod", Push: to, PullSecret: pullSecret, Guard: func(s []byte) { *guarded = append(*guarded, string(s)) }}
	o.Complete()
	return &Environment{options: o, apps: map[string]App{}}, guarded
}

// Before anything is made it is seen whether the nodes can start the images, and for which architectures the agent has to be made.
func TestArchitecturesOfTheNodes(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	both := []string{"amd64", "arm64"}
	for _, c := range []struct {
		nodes, agents []string
		from          profile.Image
		says          string
	}{
		{[]string{"linux/" + runtime.GOARCH}, []string{runtime.GOARCH}, profile.Image{Build: "."}, ""},
		{[]string{"linux/arm64", "linux/amd64", "linux/arm64", "windows/amd64"}, both, profile.Image{Build: "."}, ""},
		{nil, both, profile.Image{Build: "."}, ""},
		{[]string{"linux/" + other}, []string{other}, profile.Image{Archive: "shop.tar"}, ""},
		{[]string{"linux/" + other, "windows/" + runtime.GOARCH}, nil, profile.Image{Build: "."}, "the image shop is for " + runtime.GOARCH + ", and the nodes of context prod are " + other},
	} {
		e, _ := pushing("r.example/m", "")
		err := e.prepareImages(t.Context(), target.NewProvider(target.Choice{Context: "prod"}), fake.NewClientset(nodes(c.nodes...)...), []*workload.Workload{shop(c.from)})
		if c.says != "" {
			if exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: %v, want %q", c.nodes, err, c.says)
			}
			continue
		}
		if got := e.agentArchitectures(); err != nil || !slices.Equal(got, c.agents) {
			t.Errorf("%v: agents for %v, %v", c.nodes, got, err)
		}
	}
}

// Where nothing can be loaded and no registry is named, nothing is made, and what to write is said.
func TestNoRegistryIsNamed(t *testing.T) {
	e, _ := pushing("", "")
	err := e.prepareImages(t.Context(), target.NewProvider(target.Choice{Context: "prod"}), fake.NewClientset(), nil)
	if exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), "Name one with --push HOST/PATH (make: PUSH=HOST/PATH)") || !strings.Contains(err.Error(), "--pull-secret NAMESPACE/NAME") {
		t.Error(err)
	}
	if got := e.agentArchitectures(); !slices.Equal(got, []string{runtime.GOARCH}) {
		t.Errorf("agents for %v", got)
	}
}

// Pods name what was pushed by its digest; where only some nodes can start it, they select those.
func TestWhatIsPushedIsDeployedByDigest(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	r := registrytest.Start(t, registrytest.Options{})
	archived := func(ref, arch string) image.Image {
		file, id := registrytest.Archive(t, ref, arch)
		return image.Image{Ref: ref, ID: id, Tar: file}
	}
	for _, c := range []struct {
		nodes    []string
		selected string
		code     int
	}{{[]string{"amd64"}, "", 0}, {[]string{"amd64", "arm64"}, "amd64", 0}, {nil, "amd64", 0}, {[]string{"arm64"}, "", exitcode.Unavailable}} {
		e, _ := pushing(r.Host+"/team", "")
		e.nodes = c.nodes
		e.agents = []image.Image{archived("localhost/meshproof/agent:1", "amd64"), archived("localhost/meshproof/agent:2", "arm64")}
		w := shop(profile.Image{Archive: "shop.tar"})
		key := imageKey(w.Dir, w.Profile.Spec.Images[0])
		e.apps[key] = App{Image: archived("localhost/meshproof/app/shop:1", "amd64"), Name: "shop"}
		err := e.push(t.Context(), []*workload.Workload{w})
		if exitcode.Of(err) != c.code {
			t.Errorf("nodes %v: %v", c.nodes, err)
		}
		if c.code != 0 {
			continue
		}
		for name, ref := range map[string]string{"agent": e.Agent.Ref, "shop": e.Refs(w)["shop"]} {
			if !regexp.MustCompile("^" + r.Host + "/team/" + name + "@sha256:[0-9a-f]{64}$").MatchString(ref) {
				t.Errorf("the image %s is %s", name, ref)
			}
		}
		if got := e.needs(w).Architecture[e.Refs(w)["shop"]]; got != c.selected {
			t.Errorf("nodes %v: selected %q", c.nodes, got)
		}
		if len(e.load()) != 0 {
			t.Error("something would be loaded into nodes, too")
		}
	}
}

// The pull secret is a file, or a Secret of the cluster. Its passwords are guarded before anything else is done with them.
func TestPullSecret(t *testing.T) {
	good := registrytest.DockerConfig("r.example", "u", "opensesame-1")
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	helper := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(helper, []byte(`{"auths": {"r.example": {}}, "credsStore": "desktop"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := func(name string, kind corev1.SecretType) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}, Type: kind, Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(good)}}
	}
	client := fake.NewClientset(secret("pull", corev1.SecretTypeDockerConfigJson), secret("opaque", corev1.SecretTypeOpaque))
	for from, want := range map[string]struct {
		code int
		says string
	}{
		file:          {0, ""},
		"shop/pull":   {0, ""},
		"shop/opaque": {exitcode.Usage, "its type is Opaque"},
		"shop/other":  {exitcode.Unavailable, "not found"},
		"pull":        {exitcode.Usage, "write NAMESPACE/NAME"},
		"/no/such.js": {exitcode.Usage, "there is no such file"},
		helper:        {exitcode.Usage, "no password is in it"},
	} {
		e, guarded := pushing("r.example/m", from)
		err := e.readPullSecret(t.Context(), client)
		if exitcode.Of(err) != want.code || err != nil && !strings.Contains(err.Error(), want.says) {
			t.Errorf("%s: %v, want %q", from, err, want.says)
		}
		if err != nil {
			continue
		}
		if !slices.Contains(*guarded, "opensesame-1") {
			t.Errorf("%s: guarded is %q", from, *guarded)
		}
		e.Run = ownership.New()
		if err = e.CreatePullSecret(t.Context(), client, "elsewhere"); err != nil {
			t.Fatal(err)
		}
		got, err := client.CoreV1().Secrets("elsewhere").Get(t.Context(), e.PullSecret, metav1.GetOptions{})
		if err != nil || !e.Run.Made(got) || got.Type != corev1.SecretTypeDockerConfigJson || string(got.Data[corev1.DockerConfigJsonKey]) != good {
			t.Errorf("%s became %+v, %v", from, got, err)
		}
		if e.needs(shop(profile.Image{Pull: "x"})).PullSecret != e.PullSecret {
			t.Error("the workload's pods do not name it")
		}
	}
}
