package gke

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// meta are Terraform's own arguments, which every resource takes.
var meta = []string{"count", "depends_on", "for_each"}

// table is attributes.json: which arguments of which resource are used here. Somebody has looked each of them up in the
// provider's documentation of that version.
type table struct {
	Provider  string
	Resources map[string]struct {
		Doc       string
		Arguments []string
	}
}

func readTable(t *testing.T) table {
	t.Helper()
	b, err := os.ReadFile("attributes.json")
	if err != nil {
		t.Fatal(err)
	}
	var all table
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatalf("attributes.json: %v", err)
	}
	return all
}

func TestFilesAreFormatted(t *testing.T) {
	for _, file := range terraformFiles(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(hclwrite.Format(b)) != string(b) {
			t.Errorf("%s is not formatted: run terraform fmt, or tofu fmt", file)
		}
	}
}

func TestAttributesAreThoseOfTheTable(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, file := range terraformFiles(t) {
		for _, b := range parse(t, file).Blocks {
			if b.Type != "resource" {
				continue
			}
			if used[b.Labels[0]] == nil {
				used[b.Labels[0]] = map[string]bool{}
			}
			addArguments(used[b.Labels[0]], "", b.Body)
		}
	}
	want := readTable(t)
	for resource, arguments := range used {
		got := slices.Sorted(maps.Keys(arguments))
		if said := slices.Sorted(slices.Values(want.Resources[resource].Arguments)); !slices.Equal(got, said) {
			t.Errorf("%s: the files use\n  %q\nattributes.json has\n  %q\nlook the difference up in the documentation of %s and write it there", resource, got, said, want.Provider)
		}
	}
	for resource := range want.Resources {
		if used[resource] == nil {
			t.Errorf("attributes.json has %s, which is not used", resource)
		}
	}
}

// TestTableIsDocumented holds the table to the documentation itself, where a checkout of the provider is there.
func TestTableIsDocumented(t *testing.T) {
	dir := os.Getenv("MESHPROOF_PROVIDER_DOCS")
	if dir == "" {
		t.Skip("MESHPROOF_PROVIDER_DOCS is not set to website/docs/r in a checkout of hashicorp/terraform-provider-google")
	}
	for resource, r := range readTable(t).Resources {
		b, err := os.ReadFile(filepath.Join(dir, r.Doc))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, argument := range r.Arguments {
			if !documented(string(b), argument) {
				t.Errorf("%s has no argument %s in %s", resource, argument, r.Doc)
			}
		}
	}
}

// documented reports whether the page lists the argument. A nested one must be listed where its block is described.
func documented(page, argument string) bool {
	path := strings.Split(argument, ".")
	if len(path) > 1 {
		block := path[len(path)-2]
		_, after, found := strings.Cut(page, "The `"+block+"` block supports")
		if !found {
			return false
		}
		page, _, _ = strings.Cut(after, "block supports")
	}
	name := regexp.QuoteMeta(path[len(path)-1])
	return regexp.MustCompile("(?m)^[*-] `" + name + "(/[a-z]+)?` *-").MatchString(page)
}

func TestVersionIsThatOfTheTable(t *testing.T) {
	b, err := os.ReadFile("main.tf")
	if err != nil {
		t.Fatal(err)
	}
	minor := regexp.MustCompile(`v(\d+\.\d+)\.`).FindStringSubmatch(readTable(t).Provider)
	if minor == nil || !strings.Contains(string(b), `version = "~> `+minor[1]+`"`) {
		t.Errorf("main.tf does not ask for the provider's version of attributes.json (%q)", minor)
	}
}

func addArguments(to map[string]bool, prefix string, body *hclsyntax.Body) {
	for name := range body.Attributes {
		if prefix != "" || !slices.Contains(meta, name) {
			to[prefix+name] = true
		}
	}
	for _, b := range body.Blocks {
		to[prefix+b.Type] = true
		addArguments(to, prefix+b.Type+".", b.Body)
	}
}

func terraformFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.tf")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %q, %v", files, err)
	}
	return files
}

func parse(t *testing.T, file string) *hclsyntax.Body {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, diags := hclsyntax.ParseConfig(b, file, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		t.Fatalf("%s is not in HCL's own syntax", file)
	}
	return body
}
