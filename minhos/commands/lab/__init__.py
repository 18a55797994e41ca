"""lab: experiments on signals that the models made out of sample, one file each; `minhos.cli` names them."""
