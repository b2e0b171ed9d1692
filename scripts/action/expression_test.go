package action_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// contexts are what an expression can read, by name: github, inputs, matrix, steps, strategy.
type contexts map[string]any

// expression evaluates the part of GitHub's expressions that our files use. Everything else is an error, so that nothing passes here
// that was not understood.
type expression struct {
	tokens []string
	in     contexts
}

var token = regexp.MustCompile(`^(?:'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_-]*|\|\||&&|==|!=|[().,!])`)

// evaluate returns a string, a bool or, of toJSON alone, a context.
func evaluate(text string, in contexts) (any, error) {
	e := &expression{in: in}
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		t := token.FindString(rest)
		if t == "" {
			return nil, fmt.Errorf("expression %q: %q is not understood", text, rest)
		}
		e.tokens, rest = append(e.tokens, t), rest[len(t):]
	}
	v, err := e.or()
	if err == nil && len(e.tokens) > 0 {
		err = fmt.Errorf("%q is left over", e.tokens)
	}
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", text, err)
	}
	return v, nil
}

// take removes the next token if it is t.
func (e *expression) take(t string) bool {
	if len(e.tokens) == 0 || e.tokens[0] != t {
		return false
	}
	e.tokens = e.tokens[1:]
	return true
}

func (e *expression) or() (any, error) {
	v, err := e.and()
	for err == nil && e.take("||") {
		var right any
		if right, err = e.and(); err == nil && !truth(v) {
			v = right
		}
	}
	return v, err
}

func (e *expression) and() (any, error) {
	v, err := e.comparison()
	for err == nil && e.take("&&") {
		var right any
		if right, err = e.comparison(); err == nil && truth(v) {
			v = right
		}
	}
	return v, err
}

func (e *expression) comparison() (any, error) {
	v, err := e.value()
	for _, op := range []string{"==", "!="} {
		if err != nil || !e.take(op) {
			continue
		}
		var right any
		if right, err = e.value(); err != nil {
			return nil, err
		}
		a, aText := v.(string)
		b, bText := right.(string)
		if !aText || !bText {
			return nil, fmt.Errorf("%v %s %v: only texts are compared here", v, op, right)
		}
		return strings.EqualFold(a, b) == (op == "=="), nil
	}
	return v, err
}

func (e *expression) value() (any, error) {
	if len(e.tokens) == 0 {
		return nil, fmt.Errorf("a value is missing at the end")
	}
	t := e.tokens[0]
	e.tokens = e.tokens[1:]
	switch {
	case t == "!":
		v, err := e.value()
		return !truth(v), err
	case t == "(":
		v, err := e.or()
		if err == nil && !e.take(")") {
			err = fmt.Errorf("a ) is missing")
		}
		return v, err
	case t[0] == '\'':
		return strings.ReplaceAll(t[1:len(t)-1], "''", "'"), nil
	case e.take("("):
		return e.call(t)
	}
	v, found := e.in[t]
	if !found {
		return nil, fmt.Errorf("there is no context %q here", t)
	}
	for path := t; e.take("."); {
		object, is := v.(map[string]any)
		if !is || len(e.tokens) == 0 {
			return nil, fmt.Errorf("%s has no properties", path)
		}
		name := e.tokens[0]
		e.tokens, path = e.tokens[1:], path+"."+name
		if v, found = object[name]; !found {
			if !strings.Contains(path, ".outputs.") {
				return nil, fmt.Errorf("there is no %s", path)
			}
			v = "" // an output that was not set
		}
	}
	return v, nil
}

func (e *expression) call(name string) (any, error) {
	var args []any
	for !e.take(")") {
		v, err := e.or()
		if err != nil {
			return nil, err
		}
		if args = append(args, v); !e.take(",") && (len(e.tokens) == 0 || e.tokens[0] != ")") {
			return nil, fmt.Errorf("%s( has no end", name)
		}
	}
	switch {
	case name == "always" && len(args) == 0:
		return true, nil
	case name == "toJSON" && len(args) == 1:
		text, err := json.MarshalIndent(args[0], "", "  ")
		return string(text), err
	case name == "hashFiles" && len(args) > 0: // the key of a cache: which files count is not tried here
		return "HASH", nil
	}
	return nil, fmt.Errorf("%s with %d arguments is not known here", name, len(args))
}

func truth(v any) bool { return v != nil && v != "" && v != false }

var embedded = regexp.MustCompile(`\$\{\{(.*?)\}\}`)

// interpolate replaces the expressions in a text.
func interpolate(text string, in contexts) (string, error) {
	var first error
	out := embedded.ReplaceAllStringFunc(text, func(m string) string {
		v, err := evaluate(embedded.FindStringSubmatch(m)[1], in)
		if err != nil && first == nil {
			first = err
		}
		return fmt.Sprint(v)
	})
	return out, first
}
