package image

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"meshproof.dev/meshproof/e2e/bundle"
	"meshproof.dev/meshproof/e2e/exitcode"
)

// module is our Go module. Its checkout has the builders and the agent's source.
const module = "meshproof.dev/meshproof"

// checkout is the one that the program was built in; make sets it when it links.
var checkout string //nolint:gochecknoglobals // the linker can set nothing else

// FindRoot is the folder with the builders, the fixtures and the application. A released program brings them and uses no others.
// Else it is the root of the checkout that contains the working directory: the nearest parent folder with the go.mod of our
// module. Outside a checkout it is the one that the program was built in; where that is not known, the error has exit code 64.
func FindRoot() (string, error) {
	if bundle.Present() {
		cache, err := CacheDir()
		if err != nil {
			return "", err
		}
		return bundle.Unpack(cache)
	}
	root, err := Around()
	if err != nil && checkout != "" {
		if built, gone := findRoot(checkout); gone == nil {
			return built, nil
		}
	}
	return root, err
}

// Around is the root of the checkout in which the working directory lies.
func Around() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return findRoot(wd)
}

func findRoot(from string) (string, error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		name, err := moduleOf(filepath.Join(dir, "go.mod"))
		if err == nil && name == module {
			return dir, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("find the checkout of %s: %w", module, err)
		}
		if dir == filepath.Dir(dir) {
			return "", exitcode.With(exitcode.Usage, fmt.Errorf(
				"%s is not in a checkout of %s, which is needed to build the images: run this in a clone of the repository, or use a released program, which brings them", from, module))
		}
	}
}

// moduleOf reads the module directive of a go.mod.
func moduleOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if name, ok := strings.CutPrefix(strings.TrimSpace(s.Text()), "module "); ok {
			return strings.Trim(strings.TrimSpace(name), `"`), nil
		}
	}
	return "", s.Err()
}
