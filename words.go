// Package meshproof is the program's own text: what it may write without having seen anything.
//
// In: nothing. Out: text. It imports nothing of ours.
package meshproof

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"go/scanner"
	"go/token"
	"io/fs"
	"strconv"
	"strings"
)

// The sources themselves, so that no list of words has to be kept in step with them.
//
//go:embed e2e/*/*.go e2e/*/*/*.go e2e/*/*/*/*.go reports/*.go reports/*/*.go
var sources embed.FS

// The page of HTML with its style and its script.
//
//go:embed reports/page/page.*
var page embed.FS

// Words is every text in the sources, one a line: titles and messages of checks, keys of the report and of recordings, names of
// scenarios. Where a cookie is a common word, its place in such a text is no leak.
func Words() (string, error) {
	var b strings.Builder
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		forTests := strings.HasSuffix(path, "_test.go") || strings.Contains(path, "test/")
		if err != nil || d.IsDir() || forTests {
			return err
		}
		src, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range texts(src) {
			b.WriteString(text)
			b.WriteByte('\n')
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	err = fs.WalkDir(page, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := page.ReadFile(path)
		sum := sha256.Sum256(text) // by which the page names it
		b.Write(text)
		b.WriteString("\nsha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "\n")
		return err
	})
	return b.String(), err
}

// texts are the string literals of a source file; a tag is one, too.
func texts(src []byte) (all []string) {
	var s scanner.Scanner
	files := token.NewFileSet()
	s.Init(files.AddFile("", files.Base(), len(src)), src, nil, 0)
	for {
		_, kind, literal := s.Scan()
		if kind == token.EOF {
			return all
		}
		if kind != token.STRING {
			continue
		}
		if text, err := strconv.Unquote(literal); err == nil {
			all = append(all, text)
		}
	}
}
