package api

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/billing"
)

//go:embed openapi.gen.yaml
var openAPI []byte

// contract checks requests against openapi.yaml.
type contract struct {
	operations map[string]*operation // by method and Echo's route
}

type operation struct {
	method string
	path   string
	item   *openapi3.PathItem
	spec   *openapi3.Operation
	doc    *openapi3.T
	public bool
	users  bool            // it takes a user's access token
	scopes []billing.Scope // a service key with one of them may call it
}

var emailPattern = regexp.MustCompile(`^[^\s@]{1,64}@[^\s@]+\.[^\s@]+$`)

var pathParameter = regexp.MustCompile(`\{([^}]+)\}`)

// loadContract reads the contract once: reading takes long, and nothing changes it afterwards.
var loadContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		return nil, fmt.Errorf("api: read the contract: %w", err)
	}
	defineFormats()
	c := &contract{operations: map[string]*operation{}}
	for path, item := range doc.Paths.Map() {
		route := pathParameter.ReplaceAllString(path, ":$1")
		for method, spec := range item.Operations() {
			op := &operation{method: method, path: path, item: item, spec: spec, doc: doc}
			if err := op.readSchemes(); err != nil {
				return nil, err
			}
			c.operations[method+" "+route] = op
		}
	}
	return c, nil
})

// defineFormats registers the formats that the library leaves to us, in its global registry.
func defineFormats() {
	openapi3.DefineStringFormatValidator("email", openapi3.NewCallbackValidator(func(s string) error {
		if !emailPattern.MatchString(s) {
			return errors.New("is not an email address")
		}
		return nil
	}))
	// No later year can be written back as JSON. The time zone may move a time into the next year.
	openapi3.DefineStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(s string) error {
		var t time.Time
		if err := t.UnmarshalText([]byte(s)); err != nil || t.UTC().Year() < 0 || t.UTC().Year() > 9999 {
			return errors.New("is not a date and time of RFC 3339, up to the year 9999")
		}
		return nil
	}))
}

func (c *contract) of(ctx echo.Context) *operation {
	return c.operations[ctx.Request().Method+" "+ctx.Path()]
}

// secured reports whether the request needs credentials. Routes outside the contract (pages, unknown URLs) need none.
func (c *contract) secured(ctx echo.Context) bool {
	op := c.of(ctx)
	return op != nil && !op.public
}

// validate refuses requests that the contract does not allow, with one message for each part that is wrong.
func (c *contract) validate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		op := c.of(ctx)
		if op == nil || isWebhook(ctx) || isCommon(ctx) {
			return next(ctx)
		}
		if err := checkBody(ctx.Request(), op); err != nil {
			return err
		}
		if err := checkTexts(ctx); err != nil {
			return err
		}
		if err := checkHeaders(ctx.Request(), op); err != nil {
			return err
		}
		params := map[string]string{}
		for i, name := range ctx.ParamNames() {
			params[name] = ctx.ParamValues()[i]
		}
		err := openapi3filter.ValidateRequest(ctx.Request().Context(), &openapi3filter.RequestValidationInput{
			Request: ctx.Request(), PathParams: params, Route: op.route(ctx.Request().Method),
			Options: &openapi3filter.Options{
				MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
				SkipSettingDefaults: true, // defaults would treat null as a missing member
			},
		})
		if err != nil {
			return validationError(err)
		}
		return next(ctx)
	}
}

// checkBody requires a body exactly where the operation declares one.
func checkBody(r *http.Request, op *operation) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return unreadable(err)
	}
	if op.spec.RequestBody == nil {
		if !isEmpty(body) {
			return invalid("", "this operation takes no body")
		}
		r.Body, r.ContentLength = http.NoBody, 0
		return nil
	}
	if !op.spec.RequestBody.Value.Required && len(body) == 0 { // an empty body counts as {}: no member is required
		body = []byte("{}")
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = int64(len(body))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return echo.NewHTTPError(http.StatusUnsupportedMediaType, "Send the body as application/json.")
	}
	if r.Header.Get("Content-Encoding") != "" { // a reader who decodes it would see another body than we do
		return echo.NewHTTPError(http.StatusUnsupportedMediaType, "Send the body without a Content-Encoding.")
	}
	return checkJSON(body)
}

// checkJSON requires one JSON value. No name may appear twice in an object, and no text may hold a NUL, which
// PostgreSQL could not store.
func checkJSON(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for depth := 0; ; {
		t, err := d.ReadToken()
		if errors.Is(err, io.EOF) && depth > 0 {
			return nil
		}
		if err != nil {
			return invalid("", "the body is not valid JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
		}
		if t.Kind() == '"' && !billing.IsStorable(t.String()) {
			return invalid(string(d.StackPointer()), "text must not hold the character U+0000")
		}
		if depth++; depth > 1 && d.StackDepth() == 0 && t.Kind() != '}' && t.Kind() != ']' {
			return invalid("", "the body holds more than one JSON value")
		}
	}
}

// isBlank reports whether a body holds nothing but JSON's white space.
func isBlank(body []byte) bool { return len(bytes.Trim(body, " \t\r\n")) == 0 }

// isEmpty reports whether a body says nothing: it is missing, or it is the object {}, which many clients send with
// every POST.
func isEmpty(body []byte) bool {
	inner, isObject := bytes.CutPrefix(bytes.Trim(body, " \t\r\n"), []byte("{"))
	inner, isClosed := bytes.CutSuffix(inner, []byte("}"))
	return isBlank(body) || isObject && isClosed && isBlank(inner)
}

// checkTexts refuses a NUL and broken UTF-8 in the URL, as checkBody does in the body: no database would accept them.
// It also refuses a query with a broken escape or a semicolon: net/url silently drops such a parameter.
func checkTexts(ctx echo.Context) error {
	if _, err := url.ParseQuery(ctx.Request().URL.RawQuery); err != nil {
		return invalid("", "the query is not well-formed")
	}
	for name, values := range ctx.QueryParams() {
		for _, text := range append([]string{name}, values...) {
			if !billing.IsStorable(text) {
				return invalid(billing.Storable(name, 100), "text must be UTF-8, without the character U+0000")
			}
		}
	}
	for i, name := range ctx.ParamNames() {
		if !billing.IsStorable(ctx.ParamValues()[i]) {
			return invalid(name, "text must be UTF-8, without the character U+0000")
		}
	}
	return nil
}

// unreadable returns the error for a body that cannot be read to its end: it was cut off, came slower than the server
// waits, or came in malformed chunks. The fault is the sender's or the network's, never ours.
func unreadable(err error) error {
	var known *echo.HTTPError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known): // the body is too large
		return err
	case errors.As(err, &tooLarge):
		return echo.ErrStatusRequestEntityTooLarge
	}
	return invalid("", "the body could not be read to its end")
}

// checkHeaders refuses a declared header that is present but empty: it would silently count as absent.
func checkHeaders(r *http.Request, op *operation) error {
	for _, p := range op.spec.Parameters {
		if values := r.Header.Values(p.Value.Name); p.Value.In == "header" && len(values) > 0 &&
			(len(values) > 1 || values[0] == "") {
			return invalid(p.Value.Name, "send it once, and not empty, or leave it out")
		}
	}
	return nil
}

// strictBinder decodes bodies that validate has passed, and refuses any mistake that slipped through.
type strictBinder struct{}

func (strictBinder) Bind(into any, c echo.Context) error {
	if err := json.UnmarshalRead(c.Request().Body, into, json.RejectUnknownMembers(true)); err != nil {
		var semantic *json.SemanticError
		if errors.As(err, &semantic) {
			return invalid(string(semantic.JSONPointer), "is not of the declared type")
		}
		return invalid("", "the body is not what the contract asks for")
	}
	return nil
}

func invalid(pointer, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return &billing.Error{Code: billing.EInvalid, Message: "The request is not valid: " + message + ".",
		Fields: []billing.FieldError{{Pointer: pointer, Message: message}}}
}
