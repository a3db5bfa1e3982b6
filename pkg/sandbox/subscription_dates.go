package sandbox

import "github.com/pointsync/pointsync/pkg/sandbox/spec"

// trialEnd returns the end that trial_end or trial_period_days asks for. 0 means no trial.
func (c *call) trialEnd(p spec.Params, items []purchase) (int64, error) {
	const longest = 730 * 86400
	end := p.Int("trial_end")
	if p.Has("trial_period_days") {
		if p.Has("trial_end") {
			return 0, invalid("trial_end", "Cannot specify both trial_end and trial_period_days.")
		}
		days := p.Int("trial_period_days")
		if days < 1 {
			return 0, coded(
				"parameter_invalid_integer", "trial_period_days", "The minimum number of trial period days is 1.",
			)
		}
		end = c.now() + min(days, 731)*86400
	}
	switch {
	case end == 0: // none, or trial_end=now
		return 0, nil
	case end <= c.now():
		return 0, invalid("trial_end", "Invalid timestamp: must be an integer Unix timestamp in the future.")
	case end > c.now()+longest:
		return 0, invalid("trial_end", "Invalid trial_end: a trial lasts 730 days at most.")
	}
	return end, nil
}

// readAnchor reads a future anchor. It must not be later than the end of a whole first period.
func (c *call) readAnchor(from *start) error {
	if !c.p.Has("billing_cycle_anchor") {
		return nil
	}
	if from.trialEnd != 0 {
		return invalid(
			"billing_cycle_anchor",
			"The sandbox anchors a subscription that begins with a trial at the trial's end only.",
		)
	}
	from.anchor, from.stubFree = c.p.Int("billing_cycle_anchor"), c.p.Text("proration_behavior") == "none"
	natural := from.items[0].price.Recurring.next(c.now(), c.now())
	if from.anchor <= c.now() {
		return invalid("billing_cycle_anchor", "Invalid timestamp: billing_cycle_anchor must be in the future.")
	}
	if from.anchor > natural {
		return invalid(
			"billing_cycle_anchor", "billing_cycle_anchor cannot be later than next natural billing date (%d) for plan",
			natural,
		)
	}
	return nil
}
