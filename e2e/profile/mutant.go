package profile

import "fmt"

// Mutant is a way of clustering that is broken in exactly one way, and the check that must notice it.
type Mutant struct {
	APIVersion string     `yaml:"apiVersion"`
	Kind       string     `yaml:"kind"` // "Mutant"
	Metadata   Metadata   `yaml:"metadata"`
	Spec       MutantSpec `yaml:"spec"`
}

// MutantSpec is a base profile, how it is changed, and what must come of it. Files are relative to the
// mutant's folder.
type MutantSpec struct {
	// Base is a profile's name among the fixtures.
	Base string `yaml:"base"`
	// Why says what goes wrong in real life when this is wrong.
	Why string `yaml:"why"`
	// Shape changes the base without breaking it (a second Deployment, say). With the shape alone every
	// check must pass: it is the mutant with its one condition reversed.
	Shape Kustomize `yaml:"shape"`
	// Break is the one condition.
	Break  Kustomize `yaml:"break"`
	Expect Expect    `yaml:"expect"`
	// Budgets overrides the base's: what never forms need not be waited for in full.
	Budgets Budgets `yaml:"budgets"`
}

// Kustomize lists files that kustomize applies to the base: new objects and strategic-merge patches.
type Kustomize struct {
	Resources []string `yaml:"resources"`
	Patches   []string `yaml:"patches"`
}

// Empty tells whether nothing is changed.
func (k Kustomize) Empty() bool { return len(k.Resources) == 0 && len(k.Patches) == 0 }

// Expect is the check that must turn red and the diagnosis it must give; no other check may.
type Expect struct {
	Check     string `yaml:"check"`
	Diagnosis string `yaml:"diagnosis"`
}

// DecodeMutant reads a mutant file strictly. path is used in errors only.
func DecodeMutant(path string, data []byte) (*Mutant, error) {
	var m Mutant
	if err := strict(path, data, &m); err != nil {
		return nil, err
	}
	if err := kind(path, m.APIVersion, m.Kind, "Mutant"); err != nil {
		return nil, err
	}
	s := m.Spec
	switch {
	case m.Metadata.Name == "" || s.Base == "":
		return nil, fmt.Errorf("%s: metadata.name and spec.base are needed", path)
	case s.Break.Empty():
		return nil, fmt.Errorf("%s: spec.break is empty: a mutant that breaks nothing proves nothing", path)
	case s.Expect.Check == "" || s.Expect.Diagnosis == "":
		return nil, fmt.Errorf("%s: spec.expect needs check and diagnosis", path)
	}
	return &m, nil
}
