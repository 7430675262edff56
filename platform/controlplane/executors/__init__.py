"""Station 6: who takes dispatched work. One contract, a body each."""
