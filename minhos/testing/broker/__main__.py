"""The command line of the broker double: `python -m minhos.testing.broker`."""

from minhos.testing.broker.process import main

if __name__ == "__main__":
    main()
