// The registry that tests and make elsewhere push images to: the reference implementation of the distribution specification, with
// storage in a folder and passwords in a file. It takes the configuration file that the original takes:
//
//	registry serve config.yml
//
// Its requirements are many; in a module of their own they are none of the program that users get.
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if registry.RootCmd.Execute() != nil {
		os.Exit(1)
	}
}
