package openai

import "github.com/moltbot/moltbot/engine"

// usage counts tokens over all choices and prompts of a request. A prompt counts
// once, however many choices continue it.
type usage struct {
	Prompt            int               `json:"prompt_tokens"`
	Completion        int               `json:"completion_tokens"`
	Total             int               `json:"total_tokens"`
	PromptDetails     promptDetails     `json:"prompt_tokens_details"`
	CompletionDetails completionDetails `json:"completion_tokens_details"`
}

type promptDetails struct {
	Cached int `json:"cached_tokens"`
	Audio  int `json:"audio_tokens"`
}

type completionDetails struct {
	Reasoning          int `json:"reasoning_tokens"`
	Audio              int `json:"audio_tokens"`
	AcceptedPrediction int `json:"accepted_prediction_tokens"`
	RejectedPrediction int `json:"rejected_prediction_tokens"`
}

// add counts one choice; first tells whether it is the first of its prompt.
func (u *usage) add(e engine.Usage, first bool) {
	if first {
		u.Prompt += e.Prompt
		u.PromptDetails.Cached += e.Cached
	}
	u.Completion += e.Completion
	u.Total = u.Prompt + u.Completion
}
