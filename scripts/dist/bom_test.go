package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas is the module that has CycloneDX's schemas.
const schemas = "github.com/CycloneDX/cyclonedx-go@v0.12.0"

// A bill names the modules of the test program itself, and is what the format's schema asks for.
func TestBOM(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := dist{tag: "v1.2.3", time: time.Unix(1700000000, 0).UTC()}
	b, err := d.bom("linux/amd64", []string{self})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"purl": "pkg:golang/meshproof.dev/meshproof@v1.2.3"`, `"name": "std"`, `"purl": "pkg:golang/github.com/google/go-containerregistry@v0.22.1"`, `"timestamp": "2023-11-14T22:13:20Z"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in\n%s", want, b)
		}
	}
}

func TestReleaseBOM(t *testing.T) {
	dir, _ := released(t)
	c := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", schemas)
	c.Dir = t.TempDir()
	out, err := c.Output()
	var m struct{ Dir string }
	if err != nil || json.Unmarshal(out, &m) != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	read := func(file string) any {
		text, failed := os.ReadFile(file)
		if failed != nil {
			t.Fatal(failed)
		}
		v, failed := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if failed != nil {
			t.Fatal(failed)
		}
		return v
	}
	compiler := jsonschema.NewCompiler()
	const at = "http://cyclonedx.org/schema/"
	for _, name := range []string{"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"} {
		file := filepath.Join(m.Dir, "schema", name)
		if _, err = os.Stat(file); err != nil {
			file = strings.Replace(file, "schema.json", "schemax.json", 1) // the module has one under this name
		}
		if err = compiler.AddResource(at+name, read(file)); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile(at + "bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(dir, "*.cdx.json"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, file := range all {
		if err = schema.Validate(read(file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
