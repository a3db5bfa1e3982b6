package api

import "context"

// Register makes an account and logs in. If registering is private, it has a mail sent instead.
func (s *server) Register(ctx context.Context, r RegisterRequestObject) (RegisterResponseObject, error) {
	if s.accounts.PrivateRegistration() {
		if err := s.accounts.AskToRegister(ctx, string(r.Body.Email), r.Body.Password); err != nil {
			return nil, err
		}
		return Register202JSONResponse{onItsWay()}, nil
	}
	session, err := s.accounts.Register(withDevice(ctx, r.Body.DeviceName), string(r.Body.Email), r.Body.Password)
	if err != nil {
		return nil, err
	}
	return Register201JSONResponse(s.toAPISessionWithRefresh(session)), nil
}

// Login logs in.
func (s *server) Login(ctx context.Context, r LoginRequestObject) (LoginResponseObject, error) {
	session, err := s.accounts.Login(withDevice(ctx, r.Body.DeviceName), string(r.Body.Email), r.Body.Password)
	if err != nil {
		return nil, err
	}
	return Login200JSONResponse(s.toAPISessionWithRefresh(session)), nil
}

// Exchange logs in with an ID token of a configured issuer.
func (s *server) Exchange(ctx context.Context, r ExchangeRequestObject) (ExchangeResponseObject, error) {
	session, err := s.accounts.Exchange(withDevice(ctx, r.Body.DeviceName), r.Body.IdToken, value(r.Body.Nonce))
	if err != nil {
		return nil, err
	}
	return Exchange200JSONResponse(s.toAPISessionWithRefresh(session)), nil
}

// Refresh exchanges a refresh token.
func (s *server) Refresh(ctx context.Context, r RefreshRequestObject) (RefreshResponseObject, error) {
	session, err := s.accounts.Refresh(ctx, r.Body.RefreshToken)
	if err != nil {
		return nil, err
	}
	return Refresh200JSONResponse(s.toAPISessionWithRefresh(session)), nil
}

// Logout ends a login.
func (s *server) Logout(ctx context.Context, r LogoutRequestObject) (LogoutResponseObject, error) {
	if err := s.accounts.Logout(ctx, r.Body.RefreshToken); err != nil {
		return nil, err
	}
	return Logout204Response{}, nil
}

// GetSession returns the caller's account with a fresh token.
func (s *server) GetSession(ctx context.Context, _ GetSessionRequestObject) (GetSessionResponseObject, error) {
	session, err := s.accounts.Read(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	return GetSession200JSONResponse(s.toAPISession(session)), nil
}
