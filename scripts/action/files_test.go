package action_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

const root = "../.."

type step struct {
	ID       string            `yaml:"id"`
	Name     string            `yaml:"name"`
	If       string            `yaml:"if"`
	Uses     string            `yaml:"uses"`
	With     map[string]string `yaml:"with"`
	Env      map[string]string `yaml:"env"`
	Shell    string            `yaml:"shell"`
	Run      string            `yaml:"run"`
	Continue bool              `yaml:"continue-on-error"`
}

type job struct {
	Name     string            `yaml:"name"`
	RunsOn   string            `yaml:"runs-on"`
	Timeout  int               `yaml:"timeout-minutes"`
	Permits  map[string]string `yaml:"permissions"`
	Env      map[string]string `yaml:"env"`
	Strategy struct {
		FailFast bool                 `yaml:"fail-fast"`
		Matrix   map[string]yaml.Node `yaml:"matrix"`
	} `yaml:"strategy"`
	Steps []step `yaml:"steps"`
}

type workflow struct {
	Name        string            `yaml:"name"`
	On          yaml.Node         `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency map[string]string `yaml:"concurrency"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type described struct {
	Description string `yaml:"description"`
	Default     string `yaml:"default"`
	Value       string `yaml:"value"`
}

type compositeAction struct {
	Name        string               `yaml:"name"`
	Description string               `yaml:"description"`
	Branding    map[string]string    `yaml:"branding"`
	Inputs      map[string]described `yaml:"inputs"`
	Outputs     map[string]described `yaml:"outputs"`
	Runs        struct {
		Using string `yaml:"using"`
		Steps []step `yaml:"steps"`
	} `yaml:"runs"`
}

// load decodes a file. A key that is not known here would not be executed either, so it is an error.
func load[T any](t *testing.T, file string) (into T) {
	t.Helper()
	f, err := os.Open(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err = d.Decode(&into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return into
}

// workflows are our workflows by file.
func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%q, %v", files, err)
	}
	all := map[string]workflow{}
	for _, f := range files {
		rel, err := filepath.Rel(root, f)
		if err != nil {
			t.Fatal(err)
		}
		all[rel] = load[workflow](t, rel)
	}
	return all
}

// combinations are the values of the job's matrix, as GitHub combines them: the product, without what an exclude has, and each include
// added to those that it contradicts in no value of the product, or else as one more.
func (j job) combinations(t *testing.T) []map[string]string {
	t.Helper()
	all := []map[string]string{{}}
	lists := map[string][]map[string]string{"include": nil, "exclude": nil}
	var axes []string
	for _, key := range slices.Sorted(maps.Keys(j.Strategy.Matrix)) {
		node := j.Strategy.Matrix[key]
		if _, special := lists[key]; special {
			var list []map[string]string
			if err := node.Decode(&list); err != nil {
				t.Fatal(err)
			}
			lists[key] = list
			continue
		}
		var values []string
		if err := node.Decode(&values); err != nil {
			t.Fatal(err)
		}
		axes = append(axes, key)
		var next []map[string]string
		for _, c := range all {
			for _, v := range values {
				with := maps.Clone(c)
				with[key] = v
				next = append(next, with)
			}
		}
		all = next
	}
	agrees := func(c, with map[string]string, keys []string) bool {
		return !slices.ContainsFunc(keys, func(k string) bool { v, has := with[k]; return has && v != c[k] })
	}
	for _, x := range lists["exclude"] {
		n := len(all)
		all = slices.DeleteFunc(all, func(c map[string]string) bool { return agrees(c, x, slices.Collect(maps.Keys(x))) })
		if len(all) == n {
			t.Errorf("the exclude %v excludes nothing", x)
		}
	}
	product := len(all)
	for _, in := range lists["include"] {
		added := false
		for _, c := range all[:product] {
			if len(axes) > 0 && agrees(c, in, axes) {
				maps.Copy(c, in)
				added = true
			}
		}
		if !added {
			all = append(all, in)
		}
	}
	return all
}
