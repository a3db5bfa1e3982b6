package billing

import "time"

// Identity is a person as an issuer of ID tokens knows them. The subject is unique only within its issuer.
type Identity struct {
	Issuer  string
	Subject string
	// Email is set only if the issuer says that it has verified the address, and the operator believes this issuer
	// about addresses. So the person may be found by it.
	Email string
}

// ExchangedToken is an ID token that opens one login only, and has done so.
type ExchangedToken struct {
	Digest  string // of what it says
	LoginID SessionID
	UsedAt  time.Time // for the first time
	EndsAt  time.Time // from then on it is refused in any case, whatever max_age is
}

// LinkedIdentity is an Identity as its account keeps it.
type LinkedIdentity struct {
	Issuer, Subject string
	At              time.Time // when it first opened the account
}
