package main

import (
	"context"
	"errors"
	"sync"

	"github.com/moltbot/moltbot/models"
)

// served is a model that answers until it is closed. Close waits for what runs
// until ctx ends, then ends it.
type served interface {
	models.Model
	Close(ctx context.Context)
}

// shelf is the catalogue of the service: empty until the model is loaded.
type shelf struct {
	mu    sync.Mutex
	model served
}

func (s *shelf) put(m served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.model = m
}

func (s *shelf) get() served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.model
}

// ready tells why no request can be answered yet.
func (s *shelf) ready() error {
	if s.get() == nil {
		return errors.New("the model is being loaded")
	}
	return nil
}

// Get implements models.Catalogue.
func (s *shelf) Get(id string) (models.Model, bool) {
	m := s.get()
	return m, m != nil && m.Info().ID == id
}

// List implements models.Catalogue.
func (s *shelf) List() []models.Model {
	if m := s.get(); m != nil {
		return []models.Model{m}
	}
	return nil
}

// close ends the model, if there is one.
func (s *shelf) close(ctx context.Context) {
	if m := s.get(); m != nil {
		m.Close(ctx)
	}
}
