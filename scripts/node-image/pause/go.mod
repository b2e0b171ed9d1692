module meshproof.dev/meshproof/scripts/node-image/pause

go 1.26.0
