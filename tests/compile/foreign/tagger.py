"""A tagger of words: embedding, a bidirectional LSTM, a label for each word."""

from torch import nn


class Tagger(nn.Module):
    def __init__(self, words=50, tags=5, features=12, hidden=10):
        super().__init__()
        self.word_embeddings = nn.Embedding(words, features, padding_idx=0)
        self.lstm = nn.LSTM(
            features, hidden, num_layers=2, batch_first=True, bidirectional=True, dropout=0.1
        )
        self.hidden2tag = nn.Linear(2 * hidden, tags)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        out, _ = self.lstm(embeds)
        return self.hidden2tag(out).log_softmax(dim=-1)
