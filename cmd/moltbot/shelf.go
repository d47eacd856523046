package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/moltbot/moltbot/models"
)

// served is a model that answers until it is closed. Close waits for what runs
// until ctx ends, then ends it.
type served interface {
	models.Model
	Close(ctx context.Context)
	Done() <-chan struct{} // closed when it answers no more
}

// shelf is the catalogue of the service: empty until the models are loaded, the
// one that writes text last.
type shelf struct {
	mu        sync.Mutex
	model     served
	adapted   []models.Model // the same with an adapter each
	embedders []servedEmbedder
}

func (s *shelf) put(m served, adapted []models.Model) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.model, s.adapted = m, adapted
}

func (s *shelf) putEmbedder(m servedEmbedder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.embedders = append(s.embedders, m)
}

// free tells whether no model has that name on the wire.
func (s *shelf) free(id string) error {
	if _, taken := s.GetEmbedder(id); taken {
		return fmt.Errorf("two models would be named %q on the wire; give one another name with model.alias, embedding.alias or rerank.alias", id)
	}
	return nil
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
	for _, m := range s.List() {
		if m.Info().ID == id {
			return m, true
		}
	}
	return nil, false
}

// List implements models.Catalogue.
func (s *shelf) List() []models.Model {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.model == nil {
		return nil
	}
	return append([]models.Model{s.model}, s.adapted...)
}

// GetEmbedder implements models.Embedders.
func (s *shelf) GetEmbedder(id string) (models.Embedder, bool) {
	for _, m := range s.ListEmbedders() {
		if m.Info().ID == id {
			return m, true
		}
	}
	return nil, false
}

// ListEmbedders implements models.Embedders.
func (s *shelf) ListEmbedders() (all []models.Embedder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.embedders {
		all = append(all, m)
	}
	return all
}

// close ends the models that there are.
func (s *shelf) close(ctx context.Context) {
	if m := s.get(); m != nil {
		m.Close(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.embedders {
		m.Close(ctx)
	}
}
