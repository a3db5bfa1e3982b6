package api

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/pointsync/pointsync/pkg/billing"
)

// maxMetadataKey is the contract's limit, in characters. OpenAPI 3.0 cannot limit the names of members.
const maxMetadataKey = 40

// checkMetadata refuses names that are empty or too long.
func checkMetadata(m Metadata) error {
	for key := range m {
		if n := utf8.RuneCountInString(key); n < 1 || n > maxMetadataKey {
			return billing.Invalid("/metadata", "a key has from 1 to %d characters", maxMetadataKey)
		}
	}
	return nil
}

func (op *operation) route(method string) *routers.Route {
	return &routers.Route{Spec: op.doc, Path: op.path, PathItem: op.item, Method: method, Operation: op.spec}
}

// validationError turns the library's findings into one message for each part of the request.
func validationError(err error) error {
	var fields []billing.FieldError
	for _, e := range flatten(err) {
		var request *openapi3filter.RequestError
		var schema *openapi3.SchemaError
		field := billing.FieldError{Message: "is not valid"}
		if errors.As(e, &request) && request.Parameter != nil {
			field.Pointer, field.Message = request.Parameter.Name, firstLine(request.Reason)
			if request.Err != nil {
				field.Message = firstLine(request.Err.Error())
			}
		}
		if errors.As(e, &schema) {
			if request == nil || request.Parameter == nil {
				field.Pointer = "/" + strings.Join(schema.JSONPointer(), "/")
			}
			field.Message = schema.Reason
		} else if request != nil && request.Parameter == nil {
			field.Message = firstLine(request.Error())
		}
		fields = append(fields, field)
	}
	sort.SliceStable(fields, func(i, j int) bool { return fields[i].Pointer < fields[j].Pointer })
	message := fmt.Sprintf("%d parts of the request are not valid.", len(fields))
	if len(fields) == 1 {
		message = fmt.Sprintf(
			"The request is not valid: %s %s.", strings.TrimPrefix(fields[0].Pointer, "/"), fields[0].Message,
		)
	}
	return &billing.Error{Code: billing.EInvalid, Message: message, Fields: fields, Err: err}
}

// flatten returns the single errors in a tree of errors.
func flatten(err error) []error {
	var request *openapi3filter.RequestError
	if multi, ok := err.(openapi3.MultiError); ok { //nolint:errorlint // the tree is walked node by node
		var all []error
		for _, e := range multi {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if errors.As(err, &request) && request.Parameter == nil {
		if multi, ok := request.Err.(openapi3.MultiError); ok { //nolint:errorlint // as above
			return flatten(multi)
		}
	}
	return []error{err}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
