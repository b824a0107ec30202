//! The two databases behind one text: connections, transactions, statements and the macros that run them.
