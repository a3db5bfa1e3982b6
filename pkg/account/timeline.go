package account

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Line is a moment of an account's story in a plain sentence.
type Line struct {
	billing.Moment
	Text string
}

// Timeline returns what happened to an account, latest first, and the cursor of the next page, or "" if there is none.
//
// It holds what the tables hold: registration, logins, orders, Stripe's events, the syncs of the last 30 days, every
// movement of points, what admins did, a deletion, and the outgoing events of the last 30 days. A refused spend leaves
// no row, so that refusals cost no write; the sync that it caused is listed. Errors: EInvalid for a cursor that is not
// one of ours, ENotFound.
func Timeline(
	ctx context.Context, db *store.DB, id billing.AccountID, cursor string, limit int,
) (story []Line, next string, err error) {
	before, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if _, err := db.Account(ctx, id); err != nil {
		return nil, "", err
	}
	moments, err := db.Timeline(ctx, id, before, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(moments) > limit {
		moments = moments[:limit]
		next = formatCursor(moments[limit-1].Position)
	}
	for _, m := range moments {
		story = append(story, Line{m, describe(m)})
	}
	return story, next, nil
}

// describe returns a moment as a sentence.
func describe(m billing.Moment) string {
	one, two, three := m.Parts[0], m.Parts[1], m.Parts[2]
	switch m.Kind {
	case billing.MomentRegistered, billing.MomentDeletionBegan, billing.MomentDeletionEnded:
		return describeLife(m)
	case billing.MomentIdentity:
		return fmt.Sprintf("an ID token of %s opens the account from now on, for %s", one, two)
	case billing.MomentLoginBegan:
		return "logged in"
	case billing.MomentLoginEnded:
		return "the login was ended"
	case billing.MomentOrderMade:
		return fmt.Sprintf("ordered %s × %s for %s", two, one, three)
	case billing.MomentOrderFulfilled:
		return fmt.Sprintf(
			"the order of %s was fulfilled%s", one, suffix(" and later ", strings.TrimPrefix(two, "fulfilled")),
		)
	case billing.MomentChange:
		return describeChange(one, two, three)
	case billing.MomentEventReceived:
		return fmt.Sprintf("Stripe sent %s about %s%s", one, two, suffix("; ", strings.TrimSuffix(three, "; ")))
	case billing.MomentEventProcessed:
		return fmt.Sprintf("sync %s processed %s", two, one)
	case billing.MomentSyncBegan:
		return fmt.Sprintf("sync %s began: %s", m.Ref, causes[billing.SyncCause(one)])
	case billing.MomentSyncEnded:
		return fmt.Sprintf("sync %s %s%s", m.Ref, outcomes[billing.SyncOutcome(one)], suffix(": ", two))
	case billing.MomentPoints:
		return describePoints(m)
	case billing.MomentAdmin:
		return describeAdmin(one, two, three)
	case billing.MomentDelivery:
		return fmt.Sprintf("%s to %s: %s", one, two, three)
	}
	return string(m.Kind)
}

// describeLife returns how an account began or ended as a sentence.
func describeLife(m billing.Moment) string {
	switch m.Kind {
	case billing.MomentDeletionBegan:
		return "the " + m.Parts[0] + " deleted the account: it is closed for good"
	case billing.MomentDeletionEnded:
		return "the person's data were erased"
	}
	return tellRegistered(m.Parts[0], m.Parts[1], m.Parts[2])
}

// tellRegistered returns how an account began: with an email, as the account of a service's own id, by an ID token
// alone, or by an import. An import may also have found an account that was there before. An erased account no longer
// says.
func tellRegistered(email, externalID, since string) string {
	switch {
	case since == "erased":
		return "registered; the name was erased since"
	case since == "imported":
		names := slices.DeleteFunc([]string{externalID, email}, func(name string) bool { return name == "" })
		return "imported, or found by an import: " + strings.Join(names, ", ")
	case externalID == "" && email == "":
		return "made for an ID token"
	case externalID == "":
		return "registered as " + email
	case email == "":
		return "made by a service for " + externalID
	}
	return "made by a service for " + externalID + ", with the email " + email
}

var causes = map[billing.SyncCause]string{
	billing.CauseEvent: "an event asked for it", billing.CauseSpend: "a spend asked for it",
	billing.CauseOrder:  "the customer looked at an order",
	billing.CauseChange: "the customer changes the subscription", billing.CauseOperator: "the operator asked for it",
	billing.CauseDue:    "points fell due",
	billing.CauseTopUp:  "an automatic order asked for it",
	billing.CauseExpiry: "points ran out",
}

var outcomes = map[billing.SyncOutcome]string{
	billing.SyncApplied: "was applied", billing.SyncOutrun: "was outrun by a later one", billing.SyncFailed: "failed",
}

var changeWords = map[string]string{
	string(billing.ChangePlan):   "to change the subscription to ",
	string(billing.ChangeCancel): "to cancel the subscription",
	string(billing.ChangeResume): "to resume the subscription",
}

var statusWords = map[string]string{
	string(billing.ChangePending): "not decided yet", string(billing.ChangeDone): "done",
	string(billing.ChangeUnpaid): "it waits for a payment",
	string(billing.ChangeFailed): "it failed",
}

// describeChange returns a sentence about what was asked for a subscription, and its current state.
func describeChange(kindAndStatus, wanted, detail string) string {
	kind, status, _ := strings.Cut(kindAndStatus, " ")
	if kind != string(billing.ChangePlan) {
		wanted = ""
	}
	return "asked " + changeWords[kind] + strings.TrimPrefix(wanted, "0 × ") + ": " + statusWords[status] +
		suffix("; ", detail)
}

var verbs = map[billing.EntryKind]string{
	billing.EntryGrant: "granted", billing.EntrySpend: "spent", billing.EntryExpire: "ran out",
	billing.EntryClawback: "clawed back",
	billing.EntryRestore:  "given back", billing.EntryHold: "set aside",
	billing.EntryCapture: "used of what was set aside",
	billing.EntryRelease: "set aside no longer", billing.EntryCorrection: "taken away by an admin",
}

func describePoints(m billing.Moment) string {
	word, by, _ := strings.Cut(m.Parts[0], " ")
	kind, points, verb := billing.EntryKind(word), fmt.Sprint(m.Amount), verbs[billing.EntryKind(word)]
	if id, ok := strings.CutPrefix(by, string(billing.ActorService)+" "); ok {
		verb = strings.TrimSuffix(verb, " by an admin") + " by the service key " + id
	}
	switch kind {
	case billing.EntryRollover:
		return fmt.Sprintf(
			"points live on in the next period%s; the balance is %d", suffix(": ", m.Parts[1]), m.Balance,
		)
	case billing.EntryHold, billing.EntryRelease: // they move nothing but held points
		points = m.Parts[2]
	}
	return fmt.Sprintf(
		"%s points %s%s; the balance is %d", strings.TrimPrefix(points, "-"), verb, suffix(": ", m.Parts[1]),
		m.Balance,
	)
}

func describeAdmin(action, admin, reason string) string {
	who := "the command line"
	switch billing.AdminID(admin).Actor().Kind {
	case billing.ActorAdmin:
		who = "admin " + admin
	case billing.ActorService:
		who = "the service key " + admin
	}
	switch billing.ActionKind(action) {
	case billing.ActionRole:
		return fmt.Sprintf("%s changed the role %s", who, reason)
	case billing.ActionGrant:
		return fmt.Sprintf("%s granted points: %s", who, reason)
	case billing.ActionDisable:
		return fmt.Sprintf("%s disabled the account: %s", who, reason)
	case billing.ActionEnable:
		return fmt.Sprintf("%s enabled the account: %s", who, reason)
	case billing.ActionDelete:
		return fmt.Sprintf("%s deleted the account: %s", who, reason)
	case billing.ActionUnpark:
		return fmt.Sprintf("%s let the grants through that waited: %s", who, reason)
	case billing.ActionSync:
		return fmt.Sprintf("%s asked for a sync: %s", who, reason)
	case billing.ActionEndSessions:
		return fmt.Sprintf("%s ended all logins: %s", who, reason)
	case billing.ActionReplay:
		return fmt.Sprintf("%s replayed %s", who, reason)
	}
	return fmt.Sprintf("%s took points away: %s", who, reason)
}

// suffix returns before and words together, or "" if there are no words.
func suffix(before, words string) string {
	if words == "" {
		return ""
	}
	return before + words
}

// formatCursor encodes a position so that a URL can hold it.
func formatCursor(p billing.Position) string {
	return base64.RawURLEncoding.EncodeToString(
		fmt.Appendf(nil, "%d %d %d %s", p.At.UnixMicro(), p.Rank, p.Number, p.Ref),
	)
}

func parseCursor(cursor string) (p billing.Position, err error) {
	if cursor == "" {
		return store.EndOfTime, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.SplitN(string(raw), " ", 4)
	var numbers [3]int64
	for i := 0; i < 3 && err == nil; i++ {
		if len(parts) != 4 {
			err = strconv.ErrSyntax
			break
		}
		numbers[i], err = strconv.ParseInt(parts[i], 10, 64)
	}
	at := time.UnixMicro(numbers[0]).UTC()
	if err != nil || at.Year() < 1970 || at.Year() > 9999 || numbers[1] < 0 || numbers[1] > 9 ||
		!billing.IsStorable(parts[3]) {
		return p, &billing.Error{
			Code:    billing.EInvalid,
			Message: "The request is not valid: cursor is not one that a page ended with.",
			Fields:  []billing.FieldError{{Pointer: "cursor", Message: "is not one that a page ended with"}},
		}
	}
	return billing.Position{At: at, Rank: numbers[1], Number: numbers[2], Ref: parts[3]}, nil
}
