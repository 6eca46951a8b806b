"""Who may see and do what: rules as data, read by two readers, the pure decision and the SQL
filter.

Vocabulary (French term once):

- *record*: the shared medical record of one person (dossier médical partagé, DMP); it has an
internal number
- *holder*: the person whose record it is (titulaire)
- *attending*: the declared attending doctor (médecin traitant); *equivalent*: a professional with
the same rights
- *care team*: the professionals who take care of the holder together (équipe de soins)
- *blocked*: a professional the holder shut out (professionnel bloqué)
- *consented*: a professional or establishment the holder authorised (autorisation explicite,
consent of type C2)
- *own*: a document the caller wrote or deposited, himself or his establishment (auteur)
- *masked*: hidden from professionals (masqué aux professionnels, MASQUE_PS)
- *veiled*: not yet visible to the holder, or not visible to the legal representatives (INVISIBLE_…)

A *subject* is who asks, *facts* are what the rules may know, a *rule* permits or denies, a
*decision* says which rules settled it, and a *scope* is what is left of the rules once the subject
is known: the condition of the visible rows.
"""
