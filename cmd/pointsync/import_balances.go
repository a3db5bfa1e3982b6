package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
)

// maxBalances limits the lines of a file of opening balances.
const maxBalances = 1_000_000

var (
	balanceColumns = []string{"customer", "points", "expires_at"}
	customerIDs    = regexp.MustCompile(`^[A-Za-z0-9_]{1,255}$`)
)

// readBalances reads a file of opening balances. Without a file there are none.
func readBalances(file string) (map[billing.CustomerID]account.OpeningBalance, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--balances: %w", err)
	}
	defer f.Close()
	balances, err := parseBalances(f)
	if err != nil {
		err = fmt.Errorf("--balances: %s: %w", file, err)
	}
	return balances, err
}

// parseBalances reads the CSV of opening balances. An error names the line.
func parseBalances(in io.Reader) (map[billing.CustomerID]account.OpeningBalance, error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil || !slices.Equal(head, balanceColumns) {
		return nil, errors.Join(fmt.Errorf("line 1 must be customer,points,expires_at"), err)
	}
	balances := map[billing.CustomerID]account.OpeningBalance{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return balances, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		customer, balance, err := parseBalance(row)
		if err == nil && len(balances) == maxBalances {
			err = fmt.Errorf("there are more than %d", maxBalances)
		}
		if _, twice := balances[customer]; err == nil && twice {
			err = fmt.Errorf("%s is named twice", customer)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		balances[customer] = balance
	}
}

func parseBalance(row []string) (billing.CustomerID, account.OpeningBalance, error) {
	var b account.OpeningBalance
	if !customerIDs.MatchString(row[0]) {
		return "", b, fmt.Errorf("%q is no id of a customer", row[0])
	}
	points, err := strconv.ParseInt(row[1], 10, 64)
	if err != nil || points < 0 || billing.Points(points) > billing.MaxPoints {
		return "", b, fmt.Errorf("points must be a whole number from 0 to %d, not %q", billing.MaxPoints, row[1])
	}
	b.Points = billing.Points(points)
	if row[2] != "" {
		at, err := time.Parse(time.RFC3339, row[2])
		if err != nil {
			return "", b, fmt.Errorf("expires_at must be empty or a time such as 2026-04-01T00:00:00Z, not %q", row[2])
		}
		at = at.UTC()
		b.ExpiresAt = &at
	}
	return billing.CustomerID(row[0]), b, nil
}
