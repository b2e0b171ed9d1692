package profile

import (
	"io/fs"
	"path"
)

// Killers are the names of the mutants that expect each diagnosis, read from the files NAME/mutant.yaml in mutants.
func Killers(mutants fs.FS) (map[Expect][]string, error) {
	files, err := fs.Glob(mutants, "*/mutant.yaml") // sorted
	if err != nil {
		return nil, err
	}
	all := map[Expect][]string{}
	for _, file := range files {
		data, err := fs.ReadFile(mutants, file)
		if err != nil {
			return nil, err
		}
		m, err := DecodeMutant(file, data)
		if err != nil {
			return nil, err
		}
		for _, e := range m.Spec.Expect {
			all[e] = append(all[e], path.Dir(file))
		}
	}
	return all, nil
}
