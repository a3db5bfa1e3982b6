package sandbox

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestHold bounds how long a call that times out is held, in real time. It is a little longer than Stripe's SDKs
// wait.
const longestHold = 90 * time.Second

// faulty applies the faults to API calls, before or after they are executed.
func (s *Sandbox) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			next.ServeHTTP(out, r)
			return
		}
		s.mu.Lock()
		struck := s.world.strikeCall(r.Method, r.URL.Path)
		if struck != nil {
			s.world.tell(notice{faults: true})
			s.changed()
		}
		// as Stripe's servers do: by their own clock
		out.Header().Set("Date", time.Unix(s.world.mainNow(), 0).UTC().Format(http.TimeFormat))
		s.mu.Unlock()
		if struck == nil {
			next.ServeHTTP(out, r)
			return
		}
		lost := &reply{header: out.Header().Clone()}
		if struck.Executed || struck.Kind == faultCutOff {
			next.ServeHTTP(lost, r)
		}
		switch struck.Kind {
		case faultTimeout:
			s.hold(r)
		case faultCutOff:
			lost.cutOff(out)
		default:
			answerError(out, newID("req_", 14), faultErrors[struck.Kind])
		}
	})
}

// faultErrors are Stripe's errors for the faults that send a response.
var faultErrors = map[string]*apiError{
	faultRateLimit: {
		status:  http.StatusTooManyRequests,
		Type:    "invalid_request_error",
		Code:    "rate_limit",
		Message: "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.",
	},
	faultLockTimeout: {
		status: http.StatusTooManyRequests,
		Type:   "invalid_request_error",
		Code:   "lock_timeout",
		Message: "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. " +
			"If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, " +
			"make your requests serially or at a lower rate. For more details, see https://stripe.com/docs/rate-limits#object-lock-timeouts.",
	},
	faultError: {
		status:  http.StatusInternalServerError,
		Type:    "api_error",
		Message: "An unknown error occurred",
	},
}

// hold keeps a call waiting until its client gives up. It then ends the connection without a response.
func (s *Sandbox) hold(r *http.Request) {
	// The server notices that the client left only after the body is read.
	io.Copy(io.Discard, io.LimitReader(r.Body, maxBody))
	patience := time.NewTimer(longestHold)
	defer patience.Stop()
	select {
	case <-r.Context().Done():
	case <-s.stop.Done():
	case <-patience.C:
	}
	panic(http.ErrAbortHandler)
}

// reply is a response that is stored instead of sent.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (l *reply) Header() http.Header               { return l.header }
func (l *reply) WriteHeader(status int)            { l.status = status }
func (l *reply) Write(content []byte) (int, error) { return l.body.Write(content) }

// cutOff sends half of the response, announces the length of all of it, and ends the connection.
func (l *reply) cutOff(out http.ResponseWriter) {
	for name, values := range l.header {
		out.Header()[name] = values
	}
	out.Header().Set("Content-Length", strconv.Itoa(l.body.Len()))
	out.WriteHeader(l.status)
	out.Write(l.body.Bytes()[:l.body.Len()/2]) // if this fails, the client is gone already
	http.NewResponseController(out).Flush()
	panic(http.ErrAbortHandler)
}
