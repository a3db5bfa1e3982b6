package store

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

// countSpent returns the columns that count n points as spent on a time's day, as billing.DaySpent.Plus does.
func countSpent(n billing.Points, now time.Time) map[string]any {
	day := stamp{billing.DayOf(now)}
	return map[string]any{
		"spent_points": gorm.Expr("CASE WHEN spent_day >= ? THEN spent_points ELSE 0 END + ?", day, int64(n)),
		"spent_day":    gorm.Expr("CASE WHEN spent_day >= ? THEN spent_day ELSE ? END", day, day),
	}
}

// underCaps adds the condition that the account's caps allow n more points now, as billing.CapPolicy.Check does. The
// row knows the account's plan, so the statement that debits also checks the caps. Where there are none, it adds
// nothing.
func underCaps(q *gorm.DB, p billing.CapPolicy, n billing.Points, now time.Time) *gorm.DB {
	if text, args := capOf(p, now, func(c billing.Caps) billing.Points { return c.Request }); text != "" {
		q = q.Where("CAST(? AS bigint) <= "+text, slices.Concat([]any{int64(n)}, args)...)
	}
	if text, args := capOf(p, now, func(c billing.Caps) billing.Points { return c.Day }); text != "" {
		spent := []any{stamp{billing.DayOf(now)}, int64(n)}
		q = q.Where(
			"CASE WHEN spent_day >= ? THEN spent_points ELSE 0 END + ? <= "+text, slices.Concat(spent, args)...,
		)
	}
	return q
}

// capOf returns an expression for one cap of the row's account, and its arguments. It returns "" if no account has such
// a cap.
func capOf(p billing.CapPolicy, now time.Time, which func(billing.Caps) billing.Points) (text string, args []any) {
	none := which(p.Default) == 0
	var plans strings.Builder
	for _, plan := range slices.Sorted(maps.Keys(p.Plans)) {
		most := which(p.Plans[plan])
		none = none && most == 0
		plans.WriteString(" WHEN window_from <= ? AND window_until > ? AND sub_plan = ? THEN CAST(? AS bigint)")
		args = append(args, stamp{now}, stamp{now}, plan, int64(cmp.Or(most, billing.NoCap)))
	}
	otherwise := int64(cmp.Or(which(p.Default), billing.NoCap))
	switch {
	case none:
		return "", nil
	case len(args) == 0:
		return "CAST(? AS bigint)", []any{otherwise}
	}
	return "CASE" + plans.String() + " ELSE CAST(? AS bigint) END", append(args, otherwise)
}
