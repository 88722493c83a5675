"""The notebook's side: an IPython extension that any ipykernel can load, and the kernel ``Ciao`` around it."""
