package workload

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/files"
)

// readShapes reads the components of a change: folders under fixtures/shapes, which several mutants share.
func (c *change) readShapes(shapes string) error {
	known := Names(filepath.Dir(shapes), filepath.Base(shapes))
	for _, name := range c.Components {
		if !slices.Contains(known, name) {
			return fmt.Errorf("no shape %q: it must be one of %s", name, strings.Join(known, ", "))
		}
		entries, err := os.ReadDir(filepath.Join(shapes, name))
		if err != nil {
			return err
		}
		for _, e := range entries {
			data, err := files.Read(filepath.Join(shapes, name, e.Name()))
			if err != nil {
				return err
			}
			c.files[path.Join("shapes", name, e.Name())] = data
		}
	}
	return nil
}

// components are the folders of the shapes inside the change's own folder, as [Workload.render] writes them.
func (c *change) components() []string {
	var all []string
	for _, name := range c.Components {
		all = append(all, path.Join("shapes", name))
	}
	return all
}
