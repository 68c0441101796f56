"""FITS files of every camera driver, written whole or not at all."""
