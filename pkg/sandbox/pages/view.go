package pages

// CheckoutView is what the payment page shows. All its texts are ready to be read; Amount formats the money.
type CheckoutView struct {
	Merchant     string // who receives the money
	Lines        []Line
	Subtotal     string // of a reduced order: its sum before the discount
	Discount     *Discount
	AskCode      bool   // the customer may enter a promotion code
	Code         string // the promotion code as it was typed
	Total        string // what is paid now: "$19.00"; in a trial "$0.00"
	Subscription bool   // mode subscription; otherwise one payment
	Setup        bool   // mode setup: nothing is sold, a payment method is saved
	Interval     string // of a subscription: "month", "3 months"
	Recurring    string // of a subscription: what each interval costs, "$19.00"
	Trial        string // of a subscription with a free trial: "14 days"
	Email        string // what the customer typed before, or the merchant knows
	EmailFixed   bool   // the merchant's customer has this address: shown, not asked
	NoCard       bool   // nothing is due, and no card is asked for
	Card         CardForm
	Debit        DebitForm
	Error        string // the reason why the whole payment failed: "Your card was declined."
	Action       string // where the form posts to
	CancelURL    string // "" if there is no way back
	TestCards    []TestCard
}

// Line is a row of the order.
type Line struct {
	Description string
	Detail      string // "" or a second, quieter line
	Quantity    int64
	Amount      string
}

// Discount is the reduction of an order.
type Discount struct {
	Name      string // the promotion code, or the coupon's name
	Terms     string // "25% off for 3 months"
	Amount    string // "−$5.00"
	Ends      bool   // of a subscription: later payments do not have it
	Removable bool   // the customer entered it and may remove it
}

// CardForm is what may be written back into a card form. That is never the number and never the security code.
type CardForm struct {
	Name   string
	Expiry string
	Errors FieldErrors
}

// FieldErrors holds the error of each field, or "".
type FieldErrors struct {
	Number, Expiry, CVC, Name, Email, IBAN, Holder, Code string
}

// TestCard is a number to try and its effect: {"4242 4242 4242 4242", "Succeeds"}.
type TestCard struct {
	Number string
	Effect string
}

// ChallengeView is the bank's question in the card holder's confirmation step (3-D Secure).
type ChallengeView struct {
	Merchant  string
	Amount    string // "" if a card is only saved
	CardLast4 string
	Action    string
	CancelURL string
}

// PortalView is the billing portal of one customer. With a Flow it is the one thing that the customer came for.
type PortalView struct {
	Merchant      string
	Headline      string // the merchant's own text at the top
	Privacy       string // URL of the merchant's policy; "" if there is none
	Terms         string
	Flow          string // Stripe's word: payment_method_update, subscription_cancel, …
	NoCardUpdate  bool   // the card is shown but cannot be replaced
	NoInvoices    bool   // the invoices are not shown
	Email         string
	Flash         string // what the last action did: "Your plan was changed."
	Error         string // why the last action failed
	Subscriptions []Subscription
	PaymentCard   *PaymentCard // nil if none is on file
	Card          CardForm     // the form for another card
	Invoices      []Invoice
	TestCards     []TestCard
	Action        string
	ReturnURL     string
}

// Subscription is one row of the portal.
type Subscription struct {
	ID                string
	Plan              string
	Price             string // "$19.00 a month"
	Status            string // Stripe's word
	PeriodEnd         string // "5 February 2026"; "" when unknown
	CancelAtPeriodEnd bool
	NoCancel          bool     // it can be neither cancelled nor resumed
	CancelNow         bool     // cancelling ends it at once
	Reasons           []Choice // the choices of why it is cancelled
	Choices           []Choice // the other prices that it may change to
	Confirm           string   // the one price that a flow asks to change to
	ConfirmQuantity   int64    // 0 if it stays
}

// Choice is an entry of a list: a price that a subscription may change to, a reason to leave.
type Choice struct {
	ID   string
	Text string // "Basic, $9.00 a month"
}

// LoginView is the page where customers ask for their portal.
type LoginView struct {
	Merchant string
	Email    string
	Error    string
	Action   string
}

// PaymentCard is the card on file, as much of it as may be shown.
type PaymentCard struct {
	Brand, Last4, Expiry string
}

// Invoice is one row of the portal's list.
type Invoice struct {
	Number string
	Date   string
	Amount string
	Status string
	URL    string // "" when it cannot be opened
}

// MessageView is a page that only says something: for example, a session has expired, or a URL leads nowhere.
type MessageView struct {
	Title string
	Text  string
	Link  *Link // the one thing to do next
}

// Link is an address with its text.
type Link struct {
	Text, URL string
}
