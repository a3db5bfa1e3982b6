package sandbox

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// apiError is Stripe's error object with its HTTP status.
type apiError struct {
	status        int
	Type          string `json:"type"`
	Code          string `json:"code,omitempty"`
	DeclineCode   string `json:"decline_code,omitempty"`
	Message       string `json:"message"`
	Param         string `json:"param,omitempty"`
	Charge        string `json:"charge,omitempty"`
	DocURL        string `json:"doc_url,omitempty"`
	RequestLogURL string `json:"request_log_url,omitempty"`
	PaymentIntent any    `json:"payment_intent,omitempty"`
	PaymentMethod any    `json:"payment_method,omitempty"`
	SetupIntent   any    `json:"setup_intent,omitempty"`
}

func (e *apiError) Error() string { return e.Message }

func invalid(param, format string, args ...any) *apiError {
	return &apiError{
		status:  http.StatusBadRequest,
		Type:    "invalid_request_error",
		Param:   param,
		Message: fmt.Sprintf(format, args...),
	}
}

func coded(code, param, format string, args ...any) *apiError {
	e := invalid(param, format, args...)
	e.Code = code
	return e
}

func missing(param string) *apiError {
	return coded("parameter_missing", param, "Missing required param: %s.", param)
}

// noSuch returns the error for an unknown id: 404 if the URL names it, 400 if a parameter does.
func noSuch(noun, id, param string) *apiError {
	e := coded("resource_missing", param, "No such %s: '%s'", noun, id)
	if param == "id" {
		e.status = http.StatusNotFound
	}
	return e
}

// asAPIError converts the error of an operation to Stripe's form. It returns nil for an error of the sandbox itself.
func asAPIError(err error) *apiError {
	var e *apiError
	if errors.As(err, &e) {
		return e
	}
	var problem *spec.Problem
	if errors.As(err, &problem) {
		return coded(problem.Code, problem.Param, "%s", problem.Message)
	}
	return nil
}
