package sandbox

import (
	"net/http"
	"slices"
	"time"
)

// settings are what an account sets once in Stripe's dashboard, about failed renewals and about bank debits. They also
// include how long banks take.
type settings struct {
	AfterLastRetry string          // cancel, unpaid or past_due
	RetrySchedule  []time.Duration // how long to wait before each retry
	DebitTakes     time.Duration   // how long a bank takes over a debit; 0: bankHour
	OffersDebit    bool            // pages also take bank debits, if a request names no kinds of payment methods
}

// mostRetries and longestRetry limit what the control accepts. Stripe's own schedules are shorter.
const (
	mostRetries  = 8
	longestRetry = 60 // days
	// longestDebit is how long, in hours, a bank may take over a debit. Stripe gives a SEPA debit up to 14 days.
	longestDebit = 14 * 24
)

var afterLastRetry = []string{"cancel", "unpaid", "past_due"}

// adopt sets what the options contain. The rest keeps the value of the snapshot, or gets Stripe's default.
func (s *settings) adopt(opts Options) {
	if opts.AfterLastRetry != "" {
		s.AfterLastRetry = opts.AfterLastRetry
	}
	if opts.RetrySchedule != nil {
		s.RetrySchedule = opts.RetrySchedule
	}
	if s.AfterLastRetry == "" {
		s.AfterLastRetry = "cancel"
	}
	if s.RetrySchedule == nil {
		day := 24 * time.Hour
		s.RetrySchedule = []time.Duration{3 * day, 5 * day, 7 * day}
	}
}

// shown returns the settings as the control shows them: retries in days, debits in hours.
func (s *settings) shown() map[string]any {
	days := []float64{}
	for _, wait := range s.RetrySchedule {
		days = append(days, wait.Hours()/24)
	}
	return map[string]any{
		"after_last_retry": s.AfterLastRetry, "retry_days": days, "debit_hours": float64(s.debitSeconds()) / 3600,
		"bank_debit": s.OffersDebit,
	}
}

// debitSeconds returns how long a bank takes over a debit.
func (s *settings) debitSeconds() int64 {
	if s.DebitTakes == 0 {
		return bankHour
	}
	return int64(s.DebitTakes.Seconds())
}

func (s *Sandbox) showSettings(out http.ResponseWriter, r *http.Request) {
	s.control(out, r, nil, func(w *world) (any, error) { return w.Settings.shown(), nil })
}

// changeSettings changes the settings that the request contains. Planned retries and debits under way keep their time.
func (s *Sandbox) changeSettings(out http.ResponseWriter, r *http.Request) {
	var wish struct {
		AfterLastRetry *string    `json:"after_last_retry"`
		RetryDays      *[]float64 `json:"retry_days"`
		DebitHours     *float64   `json:"debit_hours"`
		BankDebit      *bool      `json:"bank_debit"`
	}
	s.control(out, r, &wish, func(w *world) (any, error) {
		changed := w.Settings
		if wish.AfterLastRetry != nil {
			if changed.AfterLastRetry = *wish.AfterLastRetry; !slices.Contains(afterLastRetry, changed.AfterLastRetry) {
				return nil, invalid("after_last_retry", "after_last_retry must be one of cancel, unpaid, or past_due.")
			}
		}
		if wish.RetryDays != nil {
			if len(*wish.RetryDays) > mostRetries {
				return nil, invalid("retry_days", "retry_days can list at most %d retries.", mostRetries)
			}
			changed.RetrySchedule = []time.Duration{}
			for _, days := range *wish.RetryDays {
				wait := time.Duration(days * float64(24*time.Hour)).Truncate(time.Second)
				if days > longestRetry || wait < time.Second {
					return nil, invalid(
						"retry_days", "Each of retry_days must be at least a second and at most %d days.", longestRetry,
					)
				}
				changed.RetrySchedule = append(changed.RetrySchedule, wait)
			}
		}
		if hours := wish.DebitHours; hours != nil {
			changed.DebitTakes = time.Duration(*hours * float64(time.Hour)).Truncate(time.Second)
			if *hours > longestDebit || changed.DebitTakes < time.Second {
				return nil, invalid(
					"debit_hours", "debit_hours must be at least a second and at most %d hours.", longestDebit,
				)
			}
		}
		if wish.BankDebit != nil {
			changed.OffersDebit = *wish.BankDebit
		}
		w.Settings = changed
		return w.Settings.shown(), nil
	})
}
