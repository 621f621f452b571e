"""Orders as the exchange keeps them: their terms, their state, the reasons for saying no."""
