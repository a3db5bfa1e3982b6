package sandbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that a schedule leads its subscription through its phases on the clock. They also prove what is
// left after the schedule ends, is canceled, or releases its subscription.

// twoPhases returns phases of one month each: first one of a price, then two of another.
func twoPhases(low, high string) string {
	return "&phases[0][items][0][price]=" + low + "&phases[0][iterations]=1&phases[1][items][0][price]=" + high +
		"&phases[1][items][0][quantity]=2&phases[1][iterations]=1"
}

func (w *world) schedule(id string) map[string]any {
	w.t.Helper()
	return w.object("GET", "/v1/subscription_schedules/"+id, "")
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	t.Run("Released", func(t *testing.T) { phasesPass(t, "release", "active") })
	t.Run("Canceled", func(t *testing.T) { phasesPass(t, "cancel", "canceled") })
	t.Run("Later", scheduledLater)
	t.Run("Replanned", replanned)
	t.Run("Adopted", adopted)
	t.Run("CanceledByHand", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		led := w.object(
			"POST", "/v1/subscription_schedules",
			"start_date=now&customer="+w.cardHolder()+twoPhases(w.price(1000, "month"), w.price(3000, "month")),
		)
		w.advance(15 * day)
		gone := w.object("POST", "/v1/subscription_schedules/"+led["id"].(string)+"/cancel", "")
		sub := w.subscription(led["subscription"].(string))
		if gone["status"] != "canceled" || gone["canceled_at"] == nil || sub["status"] != "canceled" || !near(
			latest(sub)["total"], -500,
		) {
			t.Fatalf("it is %v, the subscription %v", gone, sub)
		}
		requireOrder(t, types(w.events()), "customer.subscription.deleted", "subscription_schedule.canceled")
		if status, _, _, _ := w.refusal(
			"POST", "/v1/subscription_schedules/"+led["id"].(string)+"/release", "",
		); status != 400 {
			t.Fatalf("a canceled one is released: %d", status)
		}
	})
	t.Run("SubscriptionCanceled", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		led := w.object(
			"POST", "/v1/subscription_schedules",
			"start_date=now&customer="+w.cardHolder()+twoPhases(w.price(1000, "month"), w.price(3000, "month")),
		)
		if status, _, _, _ := w.refusal(
			"POST", "/v1/subscriptions/"+led["subscription"].(string), "cancel_at_period_end=true",
		); status != 400 {
			t.Fatalf("its end is changed past the schedule: %d", status)
		}
		w.object("DELETE", "/v1/subscriptions/"+led["subscription"].(string), "")
		if gone := w.schedule(led["id"].(string)); gone["status"] != "canceled" {
			t.Fatalf("it is %v", gone["status"])
		}
	})
	t.Run("Unpaid", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{RetrySchedule: []time.Duration{}, Start: inApril.Start})
		customer := w.object("POST", "/v1/customers", "")["id"].(string)
		led := w.object(
			"POST", "/v1/subscription_schedules",
			"start_date=now&customer="+customer+twoPhases(w.price(1000, "month"), w.price(3000, "month")),
		)
		w.advance(time.Hour)
		if sub := w.subscription(led["subscription"].(string)); sub["status"] != "canceled" {
			t.Fatalf("its first invoice failed for good and it is %v", sub["status"])
		}
		requireOrder(
			t, types(w.events()), "invoice.payment_failed", "customer.subscription.deleted",
			"subscription_schedule.aborted",
		)
	})
	t.Run("Refused", scheduleRefused)
}

func phasesPass(t *testing.T, end, left string) {
	t.Parallel()
	w := newWorld(t, inApril)
	led := w.object(
		"POST", "/v1/subscription_schedules",
		"start_date=now&end_behavior="+end+"&customer="+w.cardHolder()+twoPhases(
			w.price(1000, "month"), w.price(3000, "month"),
		),
	)
	id, name := led["subscription"].(string), led["id"].(string)
	if sub := w.subscription(id); led["status"] != "active" || sub["status"] != "active" ||
		sub["schedule"].(map[string]any)["id"] != name || latest(sub)["status"] != "draft" {
		t.Fatalf("it begins as %v, its subscription as %v", led, sub)
	}
	w.advance(time.Hour)
	if paid := latest(w.subscription(id))["amount_paid"]; paid != float64(1000) {
		t.Fatalf("the first phase costs %v", paid)
	}
	if next := w.foresee(map[string][]string{"subscription": {id}}); next["amount_due"] != float64(6000) {
		t.Fatalf("the next phase is previewed as %v", next["amount_due"])
	}
	before := len(w.events())
	w.advance(30 * day)
	if sub := w.subscription(id); latest(sub)["amount_paid"] != float64(6000) || len(
		latest(sub)["lines"].(map[string]any)["data"].([]any),
	) != 1 {
		t.Fatalf("the second phase costs %v", latest(sub))
	}
	requireOrder(
		t, types(w.events()[before:]), "subscription_schedule.updated", "customer.subscription.updated",
		"invoice.created", "invoice.paid",
	)
	w.advance(31 * day)
	done, sub := w.schedule(name), w.subscription(id)
	if done["status"] != "completed" || done["current_phase"] != nil || sub["status"] != left {
		t.Fatalf("it ends as %v, its subscription as %v", done, sub["status"])
	}
	requireOrder(
		t, types(w.events()), "subscription_schedule.created", "subscription_schedule.updated",
		"subscription_schedule.completed",
	)
	if end == "release" && (done["released_subscription"] != id || sub["schedule"] != nil || latest(sub)["total"] != float64(6000)) {
		t.Fatalf("the subscription is not let go: %v", sub)
	}
}

func scheduledLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	begins := time.Date(2024, 4, 20, 0, 0, 0, 0, time.UTC).Unix()
	planned := w.object(
		"POST", "/v1/subscription_schedules",
		"start_date="+itoa(begins)+"&customer="+w.cardHolder()+twoPhases(
			w.price(1000, "month"), w.price(3000, "month"),
		),
	)
	if planned["status"] != "not_started" || planned["subscription"] != nil ||
		planned["phases"].([]any)[1].(map[string]any)["start_date"] != float64(
			time.Date(2024, 5, 20, 0, 0, 0, 0, time.UTC).Unix(),
		) {
		t.Fatalf("it is %v", planned)
	}
	w.advance(19*day + time.Hour)
	begun := w.schedule(planned["id"].(string))
	if sub := w.subscription(
		begun["subscription"].(string),
	); begun["status"] != "active" || sub["start_date"] != float64(begins) ||
		latest(sub)["amount_paid"] != float64(1000) {
		t.Fatalf("it is %v", begun)
	}
}

// A change of the current phase happens now. It is prorated as the update says.
func replanned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	low, high := w.price(1000, "month"), w.price(3000, "month")
	led := w.object(
		"POST", "/v1/subscription_schedules", "start_date=now&customer="+w.cardHolder()+twoPhases(low, high),
	)
	w.advance(15 * day)
	path := "/v1/subscription_schedules/" + led["id"].(string)
	changed := w.object(
		"POST", path,
		"metadata[a]=b&end_behavior=cancel&proration_behavior=always_invoice&phases[0][items][0][price]="+high+
			"&phases[0][description]=More&phases[0][iterations]=2",
	)
	sub := w.subscription(led["subscription"].(string))
	if len(
		changed["phases"].([]any),
	) != 1 || changed["end_behavior"] != "cancel" ||
		changed["current_phase"].(map[string]any)["start_date"] != sub["current_period_start"] {
		t.Fatalf("it is %v", changed)
	}
	if !near(latest(sub)["amount_paid"], 1000) || sub["description"] != "More" {
		t.Fatalf("half a month from 10 to 30 is 10: %v", latest(sub))
	}
	if status, _, param, _ := w.refusal(
		"POST", path,
		"phases[0][items][0][price]="+low+"&phases[0][start_date]="+itoa(
			time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Unix(),
		),
	); status != 400 || param != "phases" {
		t.Fatalf("leaving out the current phase answers %d %s", status, param)
	}
}

func adopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	low, high := w.price(1000, "month"), w.price(3000, "month")
	id, _ := w.subscribed(low, "pm_card_visa")
	made := w.object("POST", "/v1/subscription_schedules", "from_subscription="+id)
	if made["subscription"] != id || made["status"] != "active" ||
		made["phases"].([]any)[0].(map[string]any)["end_date"] != w.subscription(id)["current_period_end"] {
		t.Fatalf("it is %v", made)
	}
	path := "/v1/subscription_schedules/" + made["id"].(string)
	w.object("POST", path, twoPhases(low, high)[1:])
	w.advance(30*day + 2*time.Hour)
	if sub := w.subscription(id); latest(sub)["amount_paid"] != float64(6000) {
		t.Fatalf("the next phase costs %v", latest(sub)["amount_paid"])
	}
	if free := w.object(
		"POST", path+"/release", "",
	); free["status"] != "released" || free["released_subscription"] != id || w.subscription(id)["schedule"] != nil {
		t.Fatalf("released, it is %v", free)
	}
}

func scheduleRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	customer, price := "customer="+w.cardHolder(), w.price(1000, "month")
	phase := customer + "&phases[0][items][0][price]=" + price
	for form, want := range map[string]string{
		customer:                           "phases",
		phase + "&start_date=5":            "start_date",
		phase + "&phases[0][iterations]=0": "phases[0][iterations]",
		phase + "&phases[0][iterations]=2&phases[0][end_date]=1999999999": "phases[0][iterations]",
		phase + "&phases[0][end_date]=5":                                  "phases[0][end_date]",
		phase + "&phases[0][collection_method]=send_invoice":              "phases[0][collection_method]",
		phase + "&phases[1][items][0][price]=" + w.price(500, ""):         "phases[1][items][0][price]",
		phase + "&phases[0][default_payment_method]=pm_x":                 "phases[0][default_payment_method]",
		phase + "&end_behavior=renew":                                     "end_behavior",
		phase + "&default_settings[description]=x":                        "default_settings",
		phase + "&from_subscription=sub_x":                                "customer",
		customer + "&phases[0][iterations]=1&phases[0][items]=":           "phases[0][items]",
		phase + "&phases[0][trial]=true&phases[0][trial_end]=1712000000":  "phases[0][trial_end]",
	} {
		if status, _, param, message := w.refusal(
			"POST", "/v1/subscription_schedules", form,
		); status != 400 || param != want {
			t.Errorf("%s answers %d %s: %s", form, status, param, message)
		}
	}
	if left := w.object("GET", "/v1/subscription_schedules", "")["data"].([]any); len(left) != 0 {
		t.Fatalf("%d schedules are left behind", len(left))
	}
}
