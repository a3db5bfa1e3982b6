package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// control serves one of the sandbox's own controls. It reads the request body into wish (nil: there is no body) and
// does the work in the world. It responds with the result, or with one sentence that explains the refusal.
func (s *Sandbox) control(out http.ResponseWriter, r *http.Request, wish any, work func(*world) (any, error)) {
	if wish != nil {
		decoder := json.NewDecoder(http.MaxBytesReader(out, r.Body, maxBody))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(wish); err != nil && !errors.Is(err, io.EOF) {
			answerJSON(
				out, http.StatusBadRequest,
				map[string]string{"error": "The body is not the JSON that docs/sandbox.md describes: " + err.Error()},
			)
			return
		}
	}
	var result any
	err := s.inWorld(cause{}, func(w *world) (err error) {
		if result, err = work(w); err == nil && result != nil {
			if _, final := result.(map[string]any); !final {
				result = render(result)
			}
		}
		return err
	})
	if err != nil {
		status := http.StatusInternalServerError
		if refusal := asAPIError(err); refusal != nil {
			status = refusal.status
		}
		answerJSON(out, status, map[string]string{"error": err.Error()})
		return
	}
	answerJSON(out, http.StatusOK, result)
}

// asCall lets a control call an operation of the API, with parameters that the control chooses.
func (w *world) asCall(id string, p spec.Params) *call { return &call{world: w, id: id, p: p} }

// chargeAt returns a charge by its own id or by its payment intent's id.
func (w *world) chargeAt(id string) (*charge, error) {
	if intent := w.Intents.get(id); intent != nil {
		id = string(intent.LatestCharge)
	}
	found := w.Charges.get(id)
	if found == nil {
		return nil, noSuch("charge or payment_intent", id, "id")
	}
	return found, nil
}

func (s *Sandbox) refundByHand(out http.ResponseWriter, r *http.Request) {
	var wish struct {
		Amount *int64 `json:"amount"` // in the currency's smallest unit; by default all that is left
	}
	s.control(out, r, &wish, func(w *world) (any, error) {
		paid, err := w.chargeAt(r.PathValue("payment"))
		if err != nil {
			return nil, err
		}
		p := spec.Params{"charge": paid.ID}
		if wish.Amount != nil {
			p["amount"] = *wish.Amount
		}
		return createRefund(w.asCall("", p))
	})
}

func (s *Sandbox) disputeByHand(out http.ResponseWriter, r *http.Request) {
	var wish struct {
		Reason  string `json:"reason"`
		Inquiry bool   `json:"inquiry"`
	}
	s.control(out, r, &wish, func(w *world) (any, error) {
		paid, err := w.chargeAt(r.PathValue("payment"))
		switch {
		case err != nil:
			return nil, err
		case !paid.Paid || paid.Hidden.Disputed || paid.Refunded:
			return nil, invalid("", "This charge is not paid, given back, or disputed already.")
		case wish.Reason == "":
			wish.Reason = "fraudulent"
		case wish.Reason != "fraudulent" && wish.Reason != "product_not_received" && wish.Reason != "duplicate" &&
			wish.Reason != "general":
			return nil, invalid(
				"reason", "reason must be one of fraudulent, product_not_received, duplicate, or general.",
			)
		}
		w.on(w.Customers.get(string(paid.Customer)))
		return w.openDispute(paid, wish.Reason, wish.Inquiry), nil
	})
}

func (s *Sandbox) decideDispute(out http.ResponseWriter, r *http.Request) {
	var wish struct {
		Outcome string `json:"outcome"`
	}
	s.control(out, r, &wish, func(w *world) (any, error) {
		found, err := w.asCall(r.PathValue("dispute"), nil).dispute()
		switch {
		case err != nil:
			return nil, err
		case wish.Outcome != "won" && wish.Outcome != "lost":
			return nil, invalid("outcome", "outcome must be won or lost.")
		case !found.open() && found.Status != "under_review" && found.Status != "warning_under_review":
			return nil, invalid("", "This dispute is closed: it is %s.", found.Status)
		}
		w.closeDispute(found, wish.Outcome == "won")
		return found, nil
	})
}

// resendEvent sends an event again, to one endpoint or to all endpoints that ask for its type. It is a new delivery
// with the same event id, like "resend" in Stripe's dashboard.
func (s *Sandbox) resendEvent(out http.ResponseWriter, r *http.Request) {
	var wish struct {
		Endpoint string `json:"endpoint"`
	}
	s.control(out, r, &wish, func(w *world) (any, error) {
		found := w.Events.get(r.PathValue("event"))
		if found == nil {
			return nil, noSuch("event", r.PathValue("event"), "id")
		}
		sent := 0
		for _, endpoint := range w.Endpoints.where(func(e *webhookEndpoint) bool {
			return e.Status == "enabled" && (e.ID == wish.Endpoint || wish.Endpoint == "" && e.wants(found.Type))
		}) {
			w.deliver(found, endpoint)
			sent++
		}
		if sent == 0 {
			return nil, invalid("endpoint", "No enabled webhook endpoint is to be sent this event.")
		}
		return map[string]any{"event": found.ID, "endpoints": sent}, nil
	})
}
