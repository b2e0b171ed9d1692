package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// FieldError is a field that is not of the type that the API has for it. It never holds the field's value.
type FieldError struct {
	Path       []any // for [Document.Position]
	have, want string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s is %s; Kubernetes has %s there", Path(e.Path...), e.have, e.want)
}

// fieldError is an error of the JSON decoder about raw as a [FieldError], where it is one.
func fieldError(raw map[string]any, err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	have, _, _ := strings.Cut(wrong.Value, " ") // "number 12" may be somebody's cookie
	e := &FieldError{have: article(have), want: wants(wrong.Type)}
	keys := strings.Split(wrong.Field, ".")
	var found bool
	if e.Path, found = typed(raw, keys, have); !found {
		for _, key := range keys {
			e.Path = append(e.Path, key)
		}
	}
	return e
}

// typed is the path of the first value of that JSON type below these keys. The decoder names keys only, no indexes of lists and no
// keys of maps such as labels.
func typed(v any, keys []string, have string) (path []any, found bool) {
	if len(keys) == 0 && jsonType(v) == have {
		return nil, true
	}
	below := func(key any, v any, keys []string) bool {
		if path, found = typed(v, keys, have); found {
			path = append([]any{key}, path...)
		}
		return found
	}
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			if below(i, x, keys) {
				return path, true
			}
		}
	case map[string]any:
		if len(keys) > 0 {
			found = below(keys[0], v[keys[0]], keys[1:])
			return path, found
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if below(k, v[k], nil) {
				return path, true
			}
		}
	}
	return nil, false
}

// jsonType is what the decoder calls the type of a value.
func jsonType(v any) string {
	switch v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "bool"
	case nil:
		return "null"
	}
	return "number"
}

// article puts one before what the decoder calls a JSON value.
func article(what string) string {
	switch what {
	case "object":
		return "a mapping"
	case "array":
		return "a list"
	}
	return "a " + what
}

// wants is what a Go type is in YAML.
func wants(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
		return "a whole number"
	case reflect.String:
		return "a string (in quotes, where it looks like something else)"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	}
	return "a mapping"
}
