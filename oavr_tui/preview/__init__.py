"""The preview engine: a talking picture made on this computer, without a GPU."""
