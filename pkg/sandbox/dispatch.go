package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// call is one API request while its operation runs. The operation runs under the world's lock.
type call struct {
	*world
	p        spec.Params
	id, item string // the ids in the URL, outer and inner
	path     string
	host     string // where the request reached the sandbox, as http://host:port
}

// operation does what a request asks, or returns an error in Stripe's form. The result is an object, a page, or a map
// that is already in its final form.
type operation func(*call) (any, error)

// api serves one operation. It does everything that is the same for all operations.
func (s *Sandbox) api(pattern string, do operation) http.HandlerFunc {
	fields, declared := spec.Operation(pattern)
	if !declared {
		panic("sandbox: no declared parameters for " + pattern) // the routing table names an unknown operation
	}
	return func(out http.ResponseWriter, r *http.Request) {
		requestID := newID("req_", 14)
		key, refusal := authenticate(r)
		if refusal != nil {
			answerError(out, requestID, refusal)
			return
		}
		values, refusal := readForm(out, r)
		if refusal != nil {
			answerError(out, requestID, refusal)
			return
		}
		idempotencyKey := r.Header.Get("Idempotency-Key")
		if r.Method != http.MethodPost || idempotencyKey == "" {
			status, body := s.execute(r, fields, values, do, cause{RequestID: text(requestID)})
			answer(out, requestID, status, body)
			return
		}
		s.once(out, r, key, idempotencyKey, fields, values, do, requestID)
	}
}

// once serves a request with an Idempotency-Key. The first request executes; later ones get the same response again.
func (s *Sandbox) once(
	out http.ResponseWriter, r *http.Request, apiKey, shownKey string, fields map[string]*spec.Field, values url.Values,
	do operation, requestID string,
) {
	if len(shownKey) > 255 {
		answerError(out, requestID, invalid("", "Idempotency-Key is too long: it can have up to 255 characters."))
		return
	}
	key, hash := apiKey+" "+shownKey, fingerprint(r, values)
	out.Header().Set("Idempotency-Key", shownKey)
	if !s.flights.take(key) {
		answerError(out, requestID, &apiError{
			status:  http.StatusConflict,
			Type:    "idempotency_error",
			Code:    "idempotency_key_in_use",
			Message: "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): " + shownKey + ".",
		})
		return
	}
	defer s.flights.land(key)
	s.mu.Lock()
	saved, refusal := s.world.replayed(key, shownKey, hash)
	s.mu.Unlock()
	switch {
	case refusal != nil:
		answerError(out, requestID, refusal)
	case saved != nil:
		out.Header().Set("Idempotent-Replayed", "true")
		out.Header().Set("Original-Request", saved.RequestID)
		answer(out, requestID, saved.Status, saved.Body)
	default:
		out.Header().Set("Original-Request", requestID)
		status, body := s.execute(r, fields, values, do, cause{text(requestID), text(shownKey)})
		s.mu.Lock()
		s.world.remember(
			key, &replay{Hash: hash, Status: status, Body: body, RequestID: requestID, At: s.world.mainNow()},
		)
		s.mu.Unlock()
		answer(out, requestID, status, body)
	}
}

// execute runs an operation under the world's lock and renders the response.
func (s *Sandbox) execute(
	r *http.Request, fields map[string]*spec.Field, values url.Values, do operation, why cause,
) (status int, body []byte) {
	defer func() {
		if broken := recover(); broken != nil {
			s.log.Error("an operation broke", "path", r.URL.Path, "panic", broken, "stack", string(debug.Stack()))
			status, body = http.StatusInternalServerError, encodeError(string(why.RequestID), &apiError{
				Type:    "api_error",
				Message: "An unknown error occurred",
			})
		}
	}()
	result, err := s.perform(r, fields, values, do, why)
	if err != nil {
		refusal := asAPIError(err)
		if refusal == nil {
			s.log.Error("an operation failed", "path", r.URL.Path, "error", err)
			refusal = &apiError{
				status: http.StatusInternalServerError, Type: "api_error", Message: "An unknown error occurred",
			}
		}
		return refusal.status, encodeError(string(why.RequestID), refusal)
	}
	body, err = json.MarshalIndent(result, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("an answer does not marshal: %v", err))
	}
	return http.StatusOK, body
}

func (s *Sandbox) perform(
	r *http.Request, fields map[string]*spec.Field, values url.Values, do operation, why cause,
) (map[string]any, error) {
	params, err := spec.Parse(fields, values)
	if err != nil {
		return nil, err
	}
	if err := unserved(params, ""); err != nil {
		return nil, err
	}
	id, item := pathIDs(r)
	var rendered map[string]any
	err = s.inWorld(why, func(w *world) error {
		w.Address = origin(r)
		result, err := do(&call{world: w, p: params, id: id, item: item, path: r.URL.Path, host: origin(r)})
		if err != nil {
			return err
		}
		rendered = render(result)
		return w.expand(rendered, params.Texts("expand"))
	})
	return rendered, err
}

// inWorld runs a piece of work under the world's lock. It does all due work before it and after it.
func (s *Sandbox) inWorld(why cause, work func(*world) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.world
	w.runDue("", w.mainNow())
	w.cause, w.clock = why, ""
	defer func() {
		clock := w.clock
		w.cause, w.clock = cause{}, ""
		if own := w.TestClocks.get(clock); own != nil {
			w.runDue(clock, own.FrozenTime)
		}
		w.runDue("", w.mainNow())
		s.changed()
	}()
	return work(w)
}

// unservedNames are the parameters, at any depth, that the sandbox does not simulate. Each would change who pays, how
// much, or from what source.
var unservedNames = setOf([]string{
	"application_fee_amount",
	"application_fee_percent",
	"attach_to_self",
	"backdate_start_date",
	"billing_thresholds",
	"clear_usage",
	"default_tax_rates",
	"flow_directions",
	"from_invoice",
	"on_behalf_of",
	"pending_invoice_item_interval",
	"shipping_cost",
	"shipping_options",
	"single_use",
	"tax_rates",
	"transfer_data",
})

// unserved refuses the parameters that the sandbox would otherwise have to ignore, sorted by name.
func unserved(value any, at string) error {
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			if err := unserved(item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case spec.Params:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			param := name
			if at != "" {
				param = at + "[" + name + "]"
			}
			if unservedNames[name] && !value.Unset(name) {
				return invalid(param, "The sandbox does not act on `%s`: leave it out.", param)
			}
			if err := unserved(value[name], param); err != nil {
				return err
			}
		}
	}
	return nil
}

// pathIDs returns the ids in the URL, in order.
func pathIDs(r *http.Request) (id, item string) {
	var ids []string
	for _, segment := range strings.Split(r.Pattern, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			ids = append(ids, r.PathValue(strings.TrimSuffix(name, "}")))
		}
	}
	ids = append(ids, "", "")
	return ids[0], ids[1]
}

func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// readForm reads the query and the form together, as Stripe does.
func readForm(out http.ResponseWriter, r *http.Request) (url.Values, *apiError) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("", "Invalid query string: %v", err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, &apiError{
				status:  http.StatusRequestEntityTooLarge,
				Type:    "invalid_request_error",
				Message: "The request is too large.",
			}
		}
		return nil, invalid("", "The request's body could not be read.")
	}
	if len(body) == 0 {
		return values, nil
	}
	if kind := r.Header.Get("Content-Type"); kind != "" && !strings.HasPrefix(
		kind, "application/x-www-form-urlencoded",
	) {
		return nil, invalid(
			"",
			"Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any questions, we can help at https://support.stripe.com/.",
		)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalid("", "Invalid form: %v", err)
	}
	for name, texts := range form {
		values[name] = append(values[name], texts...)
	}
	return values, nil
}

func answer(out http.ResponseWriter, requestID string, status int, body []byte) {
	header := out.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Request-Id", requestID)
	header.Set("Stripe-Version", apiVersion)
	header.Set("Cache-Control", "no-cache, no-store")
	out.WriteHeader(status)
	out.Write(body) // if this fails, the client is gone, and no one can be told
}

func answerError(out http.ResponseWriter, requestID string, e *apiError) {
	answer(out, requestID, e.status, encodeError(requestID, e))
}

func encodeError(requestID string, e *apiError) []byte {
	shown := *e
	if shown.Code != "" && shown.DocURL == "" {
		shown.DocURL = docURL(shown.Code)
	}
	shown.RequestLogURL = "https://dashboard.stripe.com/test/logs/" + requestID
	body, err := json.MarshalIndent(map[string]any{"error": shown}, "", "  ")
	if err != nil {
		panic("sandbox: an error does not marshal: " + err.Error())
	}
	return body
}
