package sandbox

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// control returns a wish for one of the sandbox's own controls.
func control(method, path string, body any, said string) wish {
	return wish{method: method, path: "/_sandbox/" + path, control: body, said: said}
}

func wishControl(noun, verb string, body any, said string) func(string, url.Values, time.Time) wish {
	return func(id string, _ url.Values, _ time.Time) wish { return control("POST", noun+"/"+id+verb, body, said) }
}

func wishOperation(path, verb string, form url.Values, said string) func(string, url.Values, time.Time) wish {
	return func(id string, _ url.Values, _ time.Time) wish {
		return wish{method: "POST", path: path + id + verb, form: form, said: said}
	}
}

func wishNextInvoice(outcome, said string) func(string, url.Values, time.Time) wish {
	return wishControl("subscriptions", "/next_invoice", map[string]any{"outcome": outcome}, said)
}

// wishAdvance moves the clock by seconds, by a number of units, or to the first of the next month.
func wishAdvance(_ string, form url.Values, now time.Time) wish {
	seconds := int64(-1)
	switch {
	case form.Has("seconds"):
		seconds = number(form.Get("seconds"))
	case form.Get("until") == "month":
		seconds = int64(firstOfNext(now).Sub(now)/time.Second) + 1
	default:
		if by := number(form.Get("by")); by > 0 && by <= maxAdvance {
			seconds = by * map[string]int64{"minutes": 60, "hours": 3600, "days": 86400}[form.Get("unit")]
		}
	}
	return control(
		"POST", "clock", map[string]any{"advance_seconds": seconds},
		"The clock was moved by "+wordDuration(time.Duration(min(seconds, maxAdvance))*time.Second)+".",
	)
}

// firstOfNext returns when the next month begins.
func firstOfNext(now time.Time) time.Time {
	return time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
}

func wishTestClock(id string, form url.Values, _ time.Time) wish {
	to := number(form.Get("from")) + number(form.Get("seconds"))
	return wish{
		method: "POST",
		path:   "/v1/test_helpers/test_clocks/" + id + "/advance",
		form:   url.Values{"frozen_time": {strconv.FormatInt(to, 10)}},
		said:   "The test clock was moved.",
	}
}

// wishRefund refunds the amount that was typed, or all that is left.
func wishRefund(id string, form url.Values, _ time.Time) wish {
	body := map[string]any{}
	if amount := strings.TrimSpace(form.Get("amount")); amount != "" {
		body["amount"] = number(amount)
	}
	return control("POST", "payments/"+id+"/refund", body, "The payment is refunded:")
}

func wishEndpoint(_ string, form url.Values, _ time.Time) wish {
	return wish{method: "POST", path: "/v1/webhook_endpoints", said: "The endpoint is added:",
		form: url.Values{
			"url": {form.Get("url")}, "enabled_events[]": strings.Fields(form.Get("events")),
			"api_version": {apiVersion},
		}}
}

// wishFault sets a fault. The control refuses settings that do not fit together.
func wishFault(_ string, form url.Values, _ time.Time) wish {
	kind := form.Get("kind")
	body := map[string]any{"kind": kind}
	if pattern := strings.TrimSpace(form.Get("pattern")); pattern != "" {
		body[map[bool]string{true: "events", false: "endpoint"}[slices.Contains(deliveryFaults, kind)]] = pattern
	}
	if form.Get("often") == "share" {
		percent, err := strconv.ParseFloat(form.Get("amount"), 64)
		if err != nil || math.IsNaN(percent) {
			percent = -1
		}
		body["share"] = max(-1, min(percent, 1000)) / 100
	} else {
		body["next"] = number(form.Get("amount"))
	}
	if delay := form.Get("delay"); delay != "" {
		body["delay_seconds"] = number(delay)
	}
	if seed := form.Get("seed"); seed != "" {
		body["seed"] = max(0, number(seed))
	}
	if form.Get("executed") != "" {
		body["executed"] = true
	}
	return control("POST", "faults", body, "The fault is set.")
}
